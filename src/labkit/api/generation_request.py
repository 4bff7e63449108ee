"""From the fields that every request for text shares to what a worker is asked."""

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from labkit.api.constraint_request import Language
from labkit.api.schema_errors import explained
from labkit.api.schemas.generation import MAX_STOP_BYTES, GenerationBody
from labkit.engine.types import AdapterUse, Lane, SamplingOverrides
from labkit.errors import InvalidRequestError

_SAMPLING = (
    "temperature", "top_p", "min_p", "typical_p", "top_n_sigma", "xtc_probability", "xtc_threshold", "dry_multiplier",
    "dry_base", "dry_allowed_length", "presence_penalty", "frequency_penalty", "repetition_penalty", "seed",
)  # fmt: skip
# OpenAI's tiers: who waits for whom. "auto" and "default" are the same here.
_LANES: dict[str | None, Lane] = {"priority": "interactive", "flex": "batch"}
_Body = TypeVar("_Body", bound=BaseModel)


def validated(kind: type[_Body], body: dict[str, Any]) -> _Body:
    """`body` as a `kind`. Raises InvalidRequestError with `param` for the first field that is wrong."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise explained(error) from error


def shared_fields(
    body: GenerationBody, max_tokens: int | None, language: Language | None, num_choices: int | None = None
) -> dict[str, Any]:
    """Fields of a Generate or a Complete that come from what all bodies share. Raises InvalidRequestError."""
    return {
        "sampling": sampling(body),
        "max_tokens": max_tokens,
        "min_tokens": _min_tokens(body, max_tokens),
        "stop": stop_texts(body.stop, "stop"),
        "stop_token_ids": tuple(body.stop_token_ids or ()),
        "ignore_eos": bool(body.ignore_eos),
        "constraint": language.constraint() if language else None,
        "num_choices": num_choices or body.n or 1,
        "adapters": _adapters(body),
        "lane": _LANES.get(body.service_tier, "normal"),
        "reuse": body.cache_prompt is not False,
    }


def stop_texts(given: str | Sequence[str] | None, param: str) -> tuple[str, ...]:
    """Texts that end an answer. Raises InvalidRequestError for one that is too long to be looked for."""
    stops = (given,) if isinstance(given, str) else tuple(given or ())
    if any(len(stop.encode()) > MAX_STOP_BYTES for stop in stops):
        raise InvalidRequestError(f"a stop text is longer than {MAX_STOP_BYTES} bytes", param=param)
    return stops


def num_logprobs(logprobs: bool | None, top_logprobs: int | None) -> int | None:
    """Alternatives to tell beside each token; None for no log-probabilities. Raises InvalidRequestError."""
    if logprobs:
        return top_logprobs or 0
    if top_logprobs:
        raise InvalidRequestError("top_logprobs needs logprobs: true", param="top_logprobs")
    return None


def wants_usage(body: GenerationBody) -> bool:
    """Whether a stream is to end with its usage. Raises InvalidRequestError for options of a stream without one."""
    if body.stream_options and not body.stream:
        raise InvalidRequestError("stream_options is only for stream: true", param="stream_options")
    return bool(body.stream_options and body.stream_options.include_usage)


def answered_tier(body: GenerationBody) -> str | None:
    """The tier to name in the answer, where the client named one."""
    return "default" if body.service_tier == "auto" else body.service_tier


def sampling(body: GenerationBody) -> SamplingOverrides:
    """What is set of the sampling, under our names."""
    given = {name: getattr(body, name) for name in _SAMPLING if getattr(body, name) is not None}
    if body.top_k is not None:
        given["top_k"] = max(body.top_k, 0)  # -1 is vLLM's spelling of "all"
    if body.repeat_penalty is not None:  # llama-server's name for it
        if body.repetition_penalty not in (None, body.repeat_penalty):
            raise InvalidRequestError("repeat_penalty and repetition_penalty differ", param="repeat_penalty")
        given["repetition_penalty"] = body.repeat_penalty
    if body.repeat_last_n is not None:
        given["penalty_window"] = body.repeat_last_n
    if body.logit_bias is not None:
        given["logit_bias"] = tuple((_token_id(key), bias) for key, bias in body.logit_bias.items())
    return SamplingOverrides(**given)


def _min_tokens(body: GenerationBody, max_tokens: int | None) -> int:
    least = body.min_tokens or 0
    if max_tokens is not None and least > max_tokens:
        raise InvalidRequestError(f"min_tokens {least} is more than max_tokens {max_tokens}", param="min_tokens")
    return least


def _adapters(body: GenerationBody) -> tuple[AdapterUse, ...]:
    uses = tuple(AdapterUse(use.name, use.scale) for use in body.lora or [])
    if len({use.name for use in uses}) < len(uses):
        raise InvalidRequestError("lora names an adapter twice", param="lora")
    return tuple(use for use in uses if use.scale != 0)


def _token_id(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) <= 9):
        raise InvalidRequestError(f"{key[:20]!r} is not a token id", param="logit_bias")
    return int(key)
