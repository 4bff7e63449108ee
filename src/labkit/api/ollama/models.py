"""What Ollama's clients are told of models."""

from datetime import UTC, datetime
from typing import Any

from labkit.api.backend import ModelCard, ModelHealth
from labkit.api.ollama.abilities import abilities
from labkit.worker.messages import TokenizerDescribed

# Clients compare it with the first one that had what they need: log-probabilities came with this one.
API_VERSION = "0.12.11"
FOREVER = "9999-12-31T23:59:59Z"
UNKNOWN_DIGEST = "0" * 64  # clients show the first twelve, and must find some


def listed(card: ModelCard) -> dict[str, Any]:
    """One model of GET /api/tags."""
    return {
        "name": card.name,
        "model": card.name,
        "modified_at": _time(card.created),
        "size": card.size_bytes or 0,
        "digest": _digest(card),
        "details": _details(card),
    }


def running(card: ModelCard, health: ModelHealth) -> dict[str, Any]:
    """One model of GET /api/ps."""
    return {
        "name": card.name,
        "model": card.name,
        "size": card.memory_bytes or card.size_bytes or 0,
        "size_vram": None,
        "digest": _digest(card),
        "details": _details(card),
        "expires_at": FOREVER if health.expires_at is None else _time(health.expires_at),
        "context_length": card.context_tokens,
    }


def shown(card: ModelCard, tokenizer: TokenizerDescribed | None) -> dict[str, Any]:
    """The answer of POST /api/show; `tokenizer` None where the model is not loaded."""
    return {
        "modelfile": f"# {card.name} is served by labkit, which has no modelfiles\nFROM {card.name}\n",
        "parameters": "" if card.context_tokens is None else f"num_ctx                        {card.context_tokens}",
        "template": (tokenizer.chat_template if tokenizer else None) or "",
        "license": card.license or "",
        "details": _details(card),
        "model_info": _model_info(card, tokenizer),
        "capabilities": abilities(card, tokenizer),
        "modified_at": _time(card.created),
    }


def _details(card: ModelCard) -> dict[str, Any]:
    return {
        "parent_model": card.base or "",
        "format": "gguf",
        "family": card.family or "",
        "families": [card.family] if card.family else [],
        "parameter_size": _parameter_size(card.num_parameters),
        "quantization_level": card.quantization or "",
    }


def _model_info(card: ModelCard, tokenizer: TokenizerDescribed | None) -> dict[str, Any]:
    family = card.family or "model"
    info = {
        "general.architecture": card.family,
        "general.parameter_count": card.num_parameters,
        "general.license": card.license,
        f"{family}.context_length": card.trained_context_tokens,
        f"{family}.embedding_length": card.vector_size,
    }
    if tokenizer is not None:
        info |= {
            "tokenizer.ggml.model": tokenizer.kind,
            f"{family}.vocab_size": tokenizer.vocab_size,
            "tokenizer.ggml.add_bos_token": tokenizer.adds_bos,
            "tokenizer.ggml.add_eos_token": tokenizer.adds_eos,
        }
        info |= {f"tokenizer.ggml.{role}_token_id": token for role, (token, _) in tokenizer.special_tokens.items()}
    return {name: value for name, value in info.items() if value is not None}


def _parameter_size(number: int | None) -> str:
    if number is None:
        return ""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= size:
            return f"{number / size:.1f}{letter}"
    return str(number)


def _digest(card: ModelCard) -> str:
    return card.digest or UNKNOWN_DIGEST


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
