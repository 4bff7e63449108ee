"""Ollama's `options`: what they ask of the sampling and of the length; the others refused, or named as ignored."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from labkit.api.backend import ModelCard
from labkit.api.schemas.fields import ignored_in, refuse_unsupported
from labkit.api.schemas.ollama import MAX_PENALTY_WINDOW, REFUSED_OPTIONS, Options
from labkit.engine.types import SamplingOverrides
from labkit.errors import InvalidRequestError

_SAMPLING = ("temperature", "top_p", "min_p", "typical_p", "presence_penalty", "frequency_penalty")
# Fields that would change the answer, and the values that ask for nothing.
REFUSED_FIELDS: dict[str, tuple[Any, ...]] = {
    "template": ("",),
    "context": ([],),
    "images": ([],),
    "width": (0,),
    "height": (0,),
    "steps": (0,),
    "truncate": (False,),
    "shift": (False,),
    "suffix": ("",),
}
_TREATED = REFUSED_FIELDS | {f"options.{name}": defaults for name, defaults in REFUSED_OPTIONS.items()}
_INSTEAD = {
    "template": "the model's own chat template is used; send raw: true and a finished prompt to use none",
    "context": "send the conversation to POST /api/chat",
    "images": "models here read text",
    "truncate": "nothing is cut in silence: shorten the conversation",
    "shift": "nothing is cut in silence: an answer ends where the context is full",
    "mirostat": "use temperature, top_p or min_p",
    "tfs_z": "use top_p or min_p",
}


def refuse_fields(body: Mapping[str, Any], schema: type[BaseModel]) -> None:
    """Raise InvalidRequestError for the first known field, or option, that asks for what is not supported."""
    others = {name: value for name, value in body.items() if name not in schema.model_fields}
    refuse_unsupported(others, REFUSED_FIELDS, _INSTEAD)
    options = body.get("options")
    if isinstance(options, dict):
        refuse_unsupported(options, REFUSED_OPTIONS, _INSTEAD, "options.")


def ignored_names(body: Mapping[str, Any], schema: type[BaseModel]) -> tuple[str, ...]:
    """Names of fields at any depth that were set and have no effect."""
    return ignored_in(body, schema, _TREATED)


def sampling(options: Options) -> SamplingOverrides:
    """How the next token is chosen; what is not set is left to the model's own defaults."""
    given = {name: getattr(options, name) for name in _SAMPLING if getattr(options, name) is not None}
    if options.top_k is not None:
        given["top_k"] = max(options.top_k, 0)
    if options.repeat_penalty is not None:
        given["repetition_penalty"] = options.repeat_penalty
    if options.repeat_last_n is not None:
        given["penalty_window"] = MAX_PENALTY_WINDOW if options.repeat_last_n < 0 else options.repeat_last_n
    if options.seed is not None and options.seed != -1:
        given["seed"] = options.seed
    return SamplingOverrides(**given)


def max_tokens(options: Options) -> int | None:
    """Tokens of the answer; None until the model ends it or the context is full."""
    wanted = options.num_predict
    return None if wanted is None or wanted < 0 else wanted


def check_context(wanted: int | None, card: ModelCard) -> None:
    """Raise InvalidRequestError when a client wants a longer context than there is; unknown (None) is enough."""
    served, trained = card.context_tokens, card.trained_context_tokens
    if wanted is not None and served is not None and wanted > served:
        is_possible = trained is None or wanted <= trained
        raise InvalidRequestError(
            f"options.num_ctx asks for {wanted} tokens, {card.name} is served with {served}",
            param="options.num_ctx",
            code="context_length_exceeded",
            hint=f"labkit serve {card.name} --ctx {wanted}" if is_possible else f"it was trained for {trained}",
        )
