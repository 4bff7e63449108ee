"""The response object: what it repeats of the request, what it says of the answer."""

import time
from typing import Any

from labkit.api.generation_request import answered_tier
from labkit.api.schemas.responses import FlatTool, ResponsesBody
from labkit.engine.types import SamplingParams, Usage

# Repeated as they came, although they have no effect here.
_REPEATED = ("user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "max_tool_calls")
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")


def echo_of(body: ResponsesBody, raw: dict[str, Any]) -> dict[str, Any]:
    """The fields that repeat the request. What was not set has its default."""
    return {
        "background": False,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "model": body.model,
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "reasoning": _reasoning(body),
        "service_tier": answered_tier(body) or "default",
        "store": body.store is not False,
        "text": _text(body),
        "tool_choice": raw.get("tool_choice") or "auto",
        "tools": [_tool(tool) for tool in body.tools or []],
        "top_logprobs": body.top_logprobs or 0,
        "truncation": body.truncation or "disabled",
        **{name: raw.get(name) for name in _REPEATED},
        **sampling_used(SamplingParams(), body),
    }


def new_response(echo: dict[str, Any], response_id: str) -> dict[str, Any]:
    """A response that has just begun."""
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": None,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "output": [],
        "usage": None,
        **echo,
    }


def sampling_used(defaults: SamplingParams, given: Any = None) -> dict[str, float]:
    """The sampling that the response object names: what was given, or else the defaults."""
    used: dict[str, float] = {}
    for name in _SAMPLING:
        value = getattr(given, name, None)
        used[name] = getattr(defaults, name) if value is None else value
    return used


def response_usage(usage: Usage | None) -> dict[str, Any] | None:
    """Token counts as the Responses API names them."""
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _reasoning(body: ResponsesBody) -> dict[str, Any]:
    options = body.reasoning
    return {
        "effort": options.effort if options else None,
        "summary": (options.summary or options.generate_summary) if options else None,
    }


def _text(body: ResponsesBody) -> dict[str, Any]:
    form = body.text.format if body.text else None
    plain = form.model_dump(by_alias=True, exclude_none=True) if form else {"type": "text"}
    return {"format": plain, "verbosity": "medium"}


def _tool(tool: FlatTool) -> dict[str, Any]:
    return {"description": None, "parameters": None, "strict": None, **tool.model_dump(exclude_none=True)}
