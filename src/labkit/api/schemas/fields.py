"""What happens to request fields that the schema does not honour: refused, or named as ignored."""

import re
from collections.abc import Mapping
from typing import Any

from labkit.errors import InvalidRequestError

# Known fields that would change the answer, and the values that ask for nothing. null is always among these.
REFUSED: Mapping[str, tuple[Any, ...]] = {
    # OpenAI's
    "audio": (),
    "modalities": (["text"],),
    "prediction": (),
    "functions": ([],),
    "function_call": ("none",),
    "reasoning_effort": ("none",),
    "verbosity": ("medium",),
    "web_search_options": (),
    "moderation": (),
    "store": (False,),
    # what llama-server, vLLM and others add
    "best_of": (1,),
    "use_beam_search": (False,),
    "min_tokens": (0,),
    "echo": (False,),
    "stop_token_ids": ([],),
    "bad_words": ([],),
    "prompt_logprobs": (0,),
    "chat_template": (),
    "chat_template_kwargs": ({},),
    "continue_final_message": (False,),
    "add_generation_prompt": (True,),
    "documents": ([],),
    "json_schema": (),
    "guided_json": (),
    "structured_outputs": (),
    "mirostat": (0,),
    "dynatemp_range": (0, 0.0),
    "dry_penalty_last_n": (-1,),
    "dry_sequence_breakers": (["\n", ":", '"', "*"],),
    "samplers": (),
    "min_keep": (0,),
    "n_probs": (0,),
    "id_slot": (-1,),
    "n_keep": (0,),
    "t_max_predict_ms": (0, -1),
    "n_predict": (-1,),
}
_INSTEAD = {
    "functions": "use tools",
    "function_call": "use tool_choice",
    "n_predict": "use max_tokens",
    "json_schema": "use response_format",
    "guided_json": "use response_format",
    "structured_outputs": "use response_format, grammar, guided_regex or guided_choice",
    "dry_penalty_last_n": "repeat_last_n is for the penalties and DRY alike",
    "n_probs": "use logprobs and top_logprobs",
}
# Known fields that cannot change an answer given here.
HARMLESS = frozenset({
    "user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "timings_per_token", "include_reasoning",
})  # fmt: skip
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-\[\]]")


def refuse_unsupported(body: Mapping[str, Any]) -> None:
    """Raise InvalidRequestError for the first known field that asks for what is not supported."""
    for name, defaults in REFUSED.items():
        value = body.get(name)
        if value is not None and not any(_same(value, default) for default in defaults):
            raise InvalidRequestError(
                f"{name} is not supported yet",
                param=name,
                code="unsupported_parameter",
                hint=_INSTEAD.get(name, ""),
            )


def ignored_fields(fields: Mapping[str, Any], treated: frozenset[str]) -> tuple[str, ...]:
    """Names of fields that were set and are not `treated`: harmless and unknown ones, sorted, fit for a header."""
    names = {name for name, value in fields.items() if value is not None} - treated
    return tuple(sorted(_UNSAFE.sub("?", name)[:64] for name in names))


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
