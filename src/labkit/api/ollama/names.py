"""Names of models: Ollama's clients add ":latest" where no tag was given."""

from collections.abc import Sequence

from labkit.api.backend import ModelCard
from labkit.api.named_model import card_called
from labkit.catalog import nearest
from labkit.errors import ModelNotFoundError

_DEFAULT_TAG = ":latest"


def find_card(name: str, cards: Sequence[ModelCard]) -> ModelCard:
    """The model of that name. Raises ModelNotFoundError with the nearest names."""
    card = card_called(name, cards) or card_called(name.removesuffix(_DEFAULT_TAG), cards)
    if card is None:
        near = nearest(name.removesuffix(_DEFAULT_TAG), (card.name for card in cards))
        raise ModelNotFoundError(name, near, hint="" if near else "GET /api/tags lists them")
    return card
