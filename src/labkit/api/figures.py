"""Counts and times of an answer, under the names that clients of OpenAI and of llama-server know."""

from typing import Any

from labkit.engine.types import Timings, Usage


def usage_object(usage: Usage | None) -> dict[str, Any] | None:
    """Token counts as OpenAI names them."""
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def timings_object(usage: Usage | None, timings: Timings | None) -> dict[str, Any] | None:
    """Times as llama-server names them (prompt_n counts computed tokens, cache_n reused ones), plus the queue.

    draft_n and draft_n_accepted come, as there, only where tokens were drafted.
    """
    if usage is None or timings is None:
        return None
    computed = usage.prompt_tokens - usage.cached_tokens
    drafts = {"draft_n": usage.drafted_tokens, "draft_n_accepted": usage.accepted_tokens}
    return {
        "cache_n": usage.cached_tokens,
        "prompt_n": computed,
        "prompt_ms": _milliseconds(timings.prefill_seconds),
        "prompt_per_token_ms": _milliseconds(timings.prefill_seconds / computed) if computed else None,
        "prompt_per_second": _rate(computed, timings.prefill_seconds),
        "predicted_n": usage.completion_tokens,
        "predicted_ms": _milliseconds(timings.decode_seconds),
        "predicted_per_token_ms": (
            _milliseconds(timings.decode_seconds / usage.completion_tokens) if usage.completion_tokens else None
        ),
        "predicted_per_second": _rate(usage.completion_tokens, timings.decode_seconds),
        "queue_ms": _milliseconds(timings.queue_seconds),
        **(drafts if usage.drafted_tokens else {}),
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _rate(count: int, seconds: float) -> float | None:
    return round(count / seconds, 2) if seconds > 0 else None
