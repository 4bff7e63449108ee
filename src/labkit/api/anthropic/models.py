"""Models as Anthropic lists them, for its clients: they say who they are with the header anthropic-version."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from labkit.api.backend import ModelCard


def is_anthropic(request: Request) -> bool:
    """Whether one of Anthropic's clients asks."""
    return "anthropic-version" in request.headers


def model_list(cards: Iterable[ModelCard]) -> dict[str, Any]:
    """All of them on one page."""
    models = [model_info(card) for card in cards]
    ids = [model["id"] for model in models] or [None]
    return {"data": models, "first_id": ids[0], "last_id": ids[-1], "has_more": False}


def model_info(card: ModelCard) -> dict[str, Any]:
    """One of them. A context holds prompt and answer together, so both limits are its size."""
    return {
        "type": "model",
        "id": card.name,
        "display_name": card.description or card.name,
        "created_at": datetime.fromtimestamp(card.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "max_input_tokens": card.context_tokens,
        "max_tokens": card.context_tokens,
    }
