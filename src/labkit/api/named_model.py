"""Which model a request is for: by its name, or where clients need not name one."""

from collections.abc import Iterable

from labkit.api.backend import ChatBackend, ModelCard
from labkit.catalog import nearest
from labkit.errors import InvalidRequestError, ModelNotFoundError


def named_or_only(backend: ChatBackend, name: str | None) -> str:
    """`name`, or else the one model that is served here. Raises InvalidRequestError where there are several."""
    if name:
        return name
    names = [card.name for card in backend.models() if card.base is None]
    if len(names) == 1:
        return names[0]
    served = ", ".join(names[:8]) or "none"
    raise InvalidRequestError(
        "model is missing, and more than one is served here" if names else "no model is served here",
        param="model",
        code="missing_required_parameter",
        hint=f"served here: {served}",
    )


def card_called(name: str, cards: Iterable[ModelCard]) -> ModelCard | None:
    """The model that clients may call `name`."""
    return next((card for card in cards if card.is_called(name)), None)


def card_of(backend: ChatBackend, name: str) -> ModelCard:
    """What is known of a model, by its name or an alias. Raises ModelNotFoundError with the nearest names."""
    cards = backend.models()
    if (card := card_called(name, cards)) is not None:
        return card
    near = nearest(name, (card.name for card in cards))
    raise ModelNotFoundError(name, near, hint="" if near else "GET /v1/models lists them")
