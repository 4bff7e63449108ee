"""GET /v1/models: every model that can be served now, with the facts other tools ask for."""

from typing import Any

from fastapi import APIRouter, Request

from labkit.api.backend import ChatBackend, ModelCard
from labkit.catalog import nearest
from labkit.errors import ModelNotFoundError

router = APIRouter()


@router.get("/v1/models")
async def list_models(request: Request) -> dict[str, Any]:
    """All of them, in the order they were named."""
    backend: ChatBackend = request.app.state.backend
    return {"object": "list", "data": [_model_object(card) for card in backend.models()]}


@router.get("/v1/models/{name:path}")
async def get_model(name: str, request: Request) -> dict[str, Any]:
    """One of them. Raises ModelNotFoundError with the nearest names."""
    backend: ChatBackend = request.app.state.backend
    cards = backend.models()
    for card in cards:
        if name in (card.name, *card.aliases):
            return _model_object(card)
    near = nearest(name, (card.name for card in cards))
    raise ModelNotFoundError(name, near, hint="" if near else "GET /v1/models lists them")


def _model_object(card: ModelCard) -> dict[str, Any]:
    return {
        "id": card.name,
        "object": "model",
        "created": card.created,
        "owned_by": "labkit",
        "root": card.name,
        "parent": None,
        "max_model_len": card.context_tokens,
        "context_tokens": card.context_tokens,
        "trained_context_tokens": card.trained_context_tokens,
        "num_slots": card.num_slots,
        "num_parameters": card.num_parameters,
        "size_bytes": card.size_bytes,
        "quantization": card.quantization,
        "license": card.license,
        "description": card.description,
        "capabilities": list(card.capabilities),
        "embedding_size": card.vector_size,
    }
