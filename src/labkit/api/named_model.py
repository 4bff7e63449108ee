"""Which model a request is for, on routes where clients need not name one."""

from labkit.api.backend import ChatBackend
from labkit.errors import InvalidRequestError


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
