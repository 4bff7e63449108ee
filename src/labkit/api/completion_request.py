"""From the body of a text completion, OpenAI's or llama-server's, to what a worker is asked."""

from dataclasses import dataclass
from typing import Any

import msgspec

from labkit.api.asking import Call
from labkit.api.constraint_request import language_of
from labkit.api.generation_request import answered_tier, shared_fields, validated, wants_usage
from labkit.api.prompt_shapes import Prompt, texts_or_tokens
from labkit.api.schemas.completion import DEFAULT_MAX_TOKENS, MAX_PROMPTS, CompletionBody, NativeCompletionBody
from labkit.api.schemas.fields import (
    REFUSED_IN_COMPLETIONS,
    REFUSED_IN_NATIVE_COMPLETIONS,
    ignored_in,
    refuse_ignored,
    refuse_unsupported,
)
from labkit.errors import InvalidRequestError
from labkit.worker.messages import Complete

_GIVEN = (frozenset(CompletionBody.model_fields) | frozenset(REFUSED_IN_COMPLETIONS)) - {"model", "prompt", "suffix"}
_NATIVE_GIVEN = frozenset(NativeCompletionBody.model_fields) - {"model", "prompt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionCall(Call):
    """One text completion: what to ask of which model, and how to write the answer.

    Attributes:
        num_best: answers to give for each prompt: the best of those that are generated.
        logprobs: alternatives to write for each token; None for no log-probabilities.
    """

    operation: Complete
    more: tuple[Complete, ...] = ()
    include_usage: bool = False
    num_best: int = 1
    logprobs: int | None = None
    service_tier: str | None = None


def parse_completion_call(body: dict[str, Any], request_id: str, *, strict: bool = False) -> CompletionCall:
    """The call in a JSON object. Raises InvalidRequestError with `param` for the first field that is wrong."""
    refuse_unsupported(body, REFUSED_IN_COMPLETIONS)
    ignored = ignored_in(body, CompletionBody, REFUSED_IN_COMPLETIONS)
    if strict:
        refuse_ignored(ignored)
    parsed = validated(CompletionBody, body)
    prompts = texts_or_tokens(parsed.prompt, "prompt", MAX_PROMPTS, may_be_empty=True)
    operation = _complete(parsed, request_id, prompts[0])
    return CompletionCall(
        model=parsed.model,
        operation=operation,
        more=_more(operation, prompts),
        stream=bool(parsed.stream),
        include_usage=wants_usage(parsed),
        ignored=ignored,
        given={name: value for name, value in body.items() if name in _GIVEN},
        num_best=parsed.n or 1,
        logprobs=parsed.logprobs,
        service_tier=answered_tier(parsed),
    )


def parse_native_call(body: dict[str, Any], request_id: str, model: str, *, strict: bool = False) -> CompletionCall:
    """The same for llama-server's own fields; `model` is who is asked where the body names nobody."""
    refuse_unsupported(body, REFUSED_IN_NATIVE_COMPLETIONS)
    ignored = ignored_in(body, NativeCompletionBody, REFUSED_IN_NATIVE_COMPLETIONS)
    if strict:
        refuse_ignored(ignored)
    parsed = validated(NativeCompletionBody, _with_openais_bias(body))
    prompts = texts_or_tokens(parsed.prompt, "prompt", MAX_PROMPTS, may_be_empty=True)
    fields = shared_fields(parsed, _native_max_tokens(parsed), language_of(parsed), parsed.n_cmpl)
    operation = Complete(request_id=request_id, prompt=prompts[0], logprobs=parsed.n_probs or None, **fields)
    return CompletionCall(
        model=parsed.model or model,
        operation=operation,
        more=_more(operation, prompts),
        stream=bool(parsed.stream),
        ignored=ignored,
        given={name: value for name, value in body.items() if name in _NATIVE_GIVEN},
        num_best=operation.num_choices,
        logprobs=parsed.n_probs or None,
    )


def _complete(body: CompletionBody, request_id: str, prompt: Prompt) -> Complete:
    asked, best_of = body.n or 1, body.best_of or body.n or 1
    if best_of < asked:
        raise InvalidRequestError(f"best_of {best_of} is less than n {asked}", param="best_of")
    if best_of > asked and body.stream:
        raise InvalidRequestError("best_of cannot be streamed: the best one is known at the end", param="best_of")
    if body.suffix is not None and body.echo:
        raise InvalidRequestError("echo and suffix cannot both be honoured", param="suffix")
    max_tokens = DEFAULT_MAX_TOKENS if body.max_tokens is None else body.max_tokens
    return Complete(
        request_id=request_id,
        prompt=prompt,
        suffix=body.suffix,
        echo=bool(body.echo),
        logprobs=0 if body.logprobs is None and best_of > asked else body.logprobs,
        **shared_fields(body, max_tokens, language_of(body), best_of),
    )


def _more(operation: Complete, prompts: tuple[Prompt, ...]) -> tuple[Complete, ...]:
    return tuple(
        msgspec.structs.replace(operation, request_id=f"{operation.request_id}.{index}", prompt=prompt)
        for index, prompt in enumerate(prompts[1:], 1)
    )


def _native_max_tokens(body: NativeCompletionBody) -> int | None:
    given = body.n_predict if body.n_predict is not None else body.max_tokens
    return None if given == -1 else given


def _with_openais_bias(body: dict[str, Any]) -> dict[str, Any]:
    """llama-server also takes [[token, bias], ...], where false means never, and -1 for a seed to draw."""
    changed = dict(body)
    pairs = body.get("logit_bias")
    if isinstance(pairs, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        changed["logit_bias"] = {str(token): -100 if bias is False else bias for token, bias in pairs}
    if body.get("seed") in (-1, 2**32 - 1):
        del changed["seed"]
    return changed
