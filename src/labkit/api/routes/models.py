"""GET /v1/models: every model that can be served now, with the facts other tools ask for."""

from typing import Any

from fastapi import APIRouter, Request

from labkit.api.access import allowed_models, require_allowed
from labkit.api.anthropic.models import is_anthropic, model_info, model_list
from labkit.api.backend import ChatBackend, ModelCard
from labkit.api.named_model import card_of

router = APIRouter()


@router.get("/v1/models")
async def list_models(request: Request) -> dict[str, Any]:
    """All of them that the caller may use, in the order they were named."""
    backend: ChatBackend = request.app.state.backend
    cards = allowed_models(request, backend.models())
    if is_anthropic(request):
        return model_list(cards)
    return {"object": "list", "data": [model_object(card) for card in cards]}


@router.get("/v1/models/{name:path}")
async def get_model(name: str, request: Request) -> dict[str, Any]:
    """One of them. Raises ModelNotFoundError with the nearest names."""
    backend: ChatBackend = request.app.state.backend
    require_allowed(request, name)
    card = card_of(backend, name)
    return model_info(card) if is_anthropic(request) else model_object(card)


def model_object(card: ModelCard) -> dict[str, Any]:
    """A model as OpenAI lists it, with what vLLM's and llama-server's clients look for."""
    return {
        "id": card.name,
        "object": "model",
        "created": card.created,
        "owned_by": "labkit",
        "root": card.base or card.name,
        "parent": card.base,
        "max_model_len": card.context_tokens,
        "context_tokens": card.context_tokens,
        "trained_context_tokens": card.trained_context_tokens,
        "num_slots": card.num_slots,
        "num_parameters": card.num_parameters,
        "size_bytes": card.size_bytes,
        "quantization": card.quantization,
        "license": card.license,
        "digest": card.digest,
        "family": card.family,
        "description": card.description,
        "capabilities": list(card.capabilities),
        "embedding_size": card.vector_size,
        "chat_format": card.chat_format or None,
        "meta": {  # llama-server's clients look here
            "n_ctx": card.context_tokens,
            "n_ctx_train": card.trained_context_tokens,
            "n_embd": card.vector_size,
            "n_params": card.num_parameters,
            "size": card.size_bytes,
        },
    }
