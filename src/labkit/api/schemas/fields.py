"""What happens to request fields that the schema does not honour: refused, or named as ignored."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from labkit.api.schemas.unknown import unknown_fields
from labkit.errors import InvalidRequestError

# Known fields that would change the answer, and the values that ask for nothing. null is always among these.
_REFUSED_EVERYWHERE: Mapping[str, tuple[Any, ...]] = {
    # what vLLM adds
    "use_beam_search": (False,),
    "length_penalty": (1.0, 1),
    "bad_words": ([],),
    "allowed_token_ids": ([],),
    "prompt_logprobs": (0,),
    "include_stop_str_in_output": (False,),
    "skip_special_tokens": (True,),
    "spaces_between_special_tokens": (True,),
    "truncate_prompt_tokens": (),
    "return_token_ids": (False,),
    "return_tokens_as_token_ids": (False,),
    "thinking_token_budget": (-1,),
    "priority": (0,),
    # what llama-server adds
    "mirostat": (0,),
    "mirostat_tau": (5.0, 5),
    "mirostat_eta": (0.1,),
    "dynatemp_range": (0, 0.0),
    "dynatemp_exponent": (1.0, 1),
    "dry_penalty_last_n": (-1,),
    "dry_sequence_breakers": (["\n", ":", '"', "*"],),
    "samplers": (),
    "min_keep": (0,),
    "id_slot": (-1,),
    "n_keep": (0,),
    "n_discard": (0,),
    "n_indent": (0,),
    "n_cache_reuse": (0,),
    "t_max_predict_ms": (0, -1),
    "post_sampling_probs": (False,),
    "return_progress": (False,),
    "response_fields": ([],),
}
_REFUSED_IN_OPENAI_ROUTES: Mapping[str, tuple[Any, ...]] = _REFUSED_EVERYWHERE | {
    "n_predict": (-1,),
    "n_probs": (0,),
    "return_tokens": (False,),
    "store": (False,),
    "modalities": (["text"],),
    "prediction": (),
}
REFUSED: Mapping[str, tuple[Any, ...]] = _REFUSED_IN_OPENAI_ROUTES | {
    "audio": (),
    "functions": ([],),
    "function_call": ("none",),
    "verbosity": ("medium",),
    "web_search_options": (),
    "moderation": (),
    "best_of": (1,),
    "echo": (False,),
    "suffix": (),
    "add_special_tokens": (False,),
    "chat_template": (),
    "documents": ([],),
    "include_reasoning": (True,),
    "reasoning_format": ("auto", "deepseek"),
    "reasoning_control": (False,),
    "parse_tool_calls": (True,),
}
REFUSED_IN_COMPLETIONS: Mapping[str, tuple[Any, ...]] = _REFUSED_IN_OPENAI_ROUTES | {
    "add_special_tokens": (True,),
    "top_logprobs": (0,),
    "max_completion_tokens": (),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "prompt_embeds": (),
}
REFUSED_IN_NATIVE_COMPLETIONS: Mapping[str, tuple[Any, ...]] = _REFUSED_EVERYWHERE
_INSTEAD = {
    "functions": "use tools",
    "function_call": "use tool_choice",
    "n_predict": "use max_tokens",
    "dry_penalty_last_n": "repeat_last_n is for the penalties and DRY alike",
    "n_probs": "use logprobs and top_logprobs",
    "top_logprobs": "use logprobs, which is a number here",
    "max_completion_tokens": "use max_tokens",
    "tools": "use POST /v1/chat/completions",
    "prompt_logprobs": "POST /v1/completions with echo and logprobs tells them",
    "chat_template": "a model is asked with its own template; POST /v1/completions takes any text",
}
# Known fields that cannot change an answer given here.
HARMLESS = frozenset({
    "user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "timings_per_token", "sse_ping_interval",
})  # fmt: skip
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-\[\]]")


def refuse_unsupported(
    body: Mapping[str, Any],
    refused: Mapping[str, tuple[Any, ...]] = REFUSED,
    instead: Mapping[str, str] = _INSTEAD,
    place: str = "",
) -> None:
    """Raise InvalidRequestError for the first of the `refused` fields that asks for what is not supported.

    `place` is where the body stands in a larger one, as "text."; `instead` has hints by the field's name.
    """
    for name, defaults in refused.items():
        value = body.get(name)
        if value is not None and not any(_same(value, default) for default in defaults):
            raise InvalidRequestError(
                f"{place}{name} is not supported yet",
                param=f"{place}{name}",
                code="unsupported_parameter",
                hint=instead.get(name, ""),
            )


def ignored_in(
    body: Mapping[str, Any], schema: type[BaseModel], refused: Mapping[str, tuple[Any, ...]]
) -> tuple[str, ...]:
    """Names of fields at any depth that were set and have no effect, sorted, fit for a header."""
    names = (name for name in unknown_fields(body, schema) if name not in refused)
    return tuple(sorted({safe_name(name) for name in names}))


def ignored_fields(fields: Mapping[str, Any], treated: frozenset[str]) -> tuple[str, ...]:
    """Names of fields that were set and are not `treated`: harmless and unknown ones, sorted, fit for a header."""
    names = {name for name, value in fields.items() if value is not None} - treated
    return tuple(sorted(safe_name(name) for name in names))


def safe_name(name: str) -> str:
    """A name that a client chose, fit for a header."""
    return _UNSAFE.sub("?", name)[:64]


def refuse_ignored(names: tuple[str, ...]) -> None:
    """Raise InvalidRequestError when there are any: the client asked for strictness."""
    if names:
        raise InvalidRequestError(
            f"{names[0]} would be ignored, and x-labkit-strict is set",
            param=names[0],
            code="unsupported_parameter" if names[0] in HARMLESS else "unknown_parameter",
        )


def _same(value: object, default: object) -> bool:
    # 1 == True and 0 == False in Python, not in JSON.
    return value == default and isinstance(value, bool) == isinstance(default, bool)
