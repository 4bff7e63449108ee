"""The report of `labkit explain`: from what the endpoint says to groups of rows. Pure."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labkit.units import render_seconds

Found = Mapping[str, Any]
Row = tuple[str, str]

_CAUSES = {
    "end_of_generation": "the model ended its answer",
    "stop_text": "it came to a stop text",
    "stop_token": "it came to a stop token",
    "max_tokens": "max_tokens was reached",
    "context_full": "the context is full",
    "constraint_complete": "the constraint allows nothing more",
}
_SHOWN_COMPANIONS = 4


class Group(NamedTuple):
    """A heading and its rows."""

    title: str
    rows: tuple[Row, ...]


def heading(found: Found) -> str:
    """What it was, in one line."""
    name = found["answer_id"] or found["request_id"]
    return f"{name}: {found['operation'] or found['route']}{_of_model(found)}, {found['state']}"


def groups(found: Found) -> tuple[Group, ...]:
    """The report. A group without rows is left out."""
    all_groups = (
        Group("Request", _request(found)),
        Group("Time", _time(found["times"])),
        Group("Tokens", _tokens(found)),
        Group("Parameters", _parameters(found["parameters"])),
        *(_choice(choice, number, len(found["choices"])) for number, choice in enumerate(found["choices"])),
        Group("Worker", _worker(found.get("worker"))),
        Group("Error", _error(found["error"])),
    )
    return tuple(group for group in all_groups if group.rows)


def recent_row(found: Found) -> tuple[str, ...]:
    """One line of the list: id, when, what, model, how it ended, tokens, seconds."""
    how = found["error"] or ", ".join(found["finish_reasons"]) or found["state"]
    tokens = "" if found["prompt_tokens"] is None else f"{found['prompt_tokens']}+{found['completion_tokens']}"
    took = "" if found["seconds"] is None else _took(found["seconds"])
    what = found["operation"] or found["route"]
    name = found["answer_id"] or found["request_id"]
    return (name, _clock(found["created"]), what, found["model"] or "", how, tokens, took)


def _of_model(found: Found) -> str:
    return f" by {found['model']}" if found["model"] else ""


def _request(found: Found) -> tuple[Row, ...]:
    streamed = ", streamed" if found["stream"] else ""
    rows = [
        ("came", f"{_clock(found['created'])}, {found['method']} {found['route']}{streamed}"),
        ("status", str(found["status"] or "none yet")),
        ("x-request-id", found["request_id"]),
    ]
    if found["key_id"]:
        rows.append(("key", f"{found['key_id']} {found['key_name'] or ''}".rstrip()))
    return tuple(rows)


def _time(times: Found) -> tuple[Row, ...]:
    labels = {"queue_seconds": "queue", "prefill_seconds": "prompt", "decode_seconds": "answer", "total_seconds": "all"}
    rows = [(label, _took(times[name])) for name, label in labels.items() if times[name] is not None]
    if times["first_token_seconds"] is not None:
        rows.append(("first token", f"after {_took(times['first_token_seconds'])}"))
    if each := times["seconds_per_token"]:
        gap = times["longest_gap_seconds"]
        longest = f", {_took(gap)} at most" if gap else ""
        rows.append(("then", f"{_took(each)} per token ({1 / each:,.0f} in a second){longest}"))
    return tuple(rows)


def _tokens(found: Found) -> tuple[Row, ...]:
    tokens = found["tokens"]
    if tokens is None:
        return ()
    cached, source = tokens["cached_tokens"], tokens["cached_from"]
    prompt = f"{tokens['prompt_tokens']:,}"
    prompt += f", {cached:,} of them from the cache ({source})" if cached else ", none from the cache"
    answer = f"{tokens['completion_tokens']:,}"
    if tokens["reasoning_tokens"]:
        answer += f", {tokens['reasoning_tokens']:,} of them thought"
    if tokens["drafted_tokens"]:
        answer += f"; {tokens['accepted_tokens']:,} of {tokens['drafted_tokens']:,} drafted ones were right"
    rows = [("prompt", prompt)]
    rows += [(f"  {message['role']}", f"{message['tokens']:,}") for message in found["messages"]]
    return (*rows, ("answer", answer))


def _parameters(parameters: Found) -> tuple[Row, ...]:
    used, defaulted = parameters["used"], set(parameters["defaulted"])
    rows = {
        "given": _listed(parameters["given"]),
        "used": _listed({name: value for name, value in used.items() if name not in defaulted}),
        "defaults": _defaults({name: value for name, value in used.items() if name in defaulted}),
        "ignored": ", ".join(parameters["ignored"]),
    }
    return tuple((label, text) for label, text in rows.items() if text)


def _defaults(values: Mapping[str, Any]) -> str:
    """What the model's own defaults change; a parameter that is off is not worth a word."""
    from labkit.engine.types import SamplingParams

    off = SamplingParams()
    changing = {name: value for name, value in values.items() if value not in (getattr(off, name, None), [])}
    if not values:
        return ""
    return _listed(changing) or "the model's own change nothing"


def _choice(choice: Found, number: int, num_choices: int) -> Group:
    rows = [("ended", _cause(choice))]
    if "mean_batch" in choice:
        rows.append(("batch", _company(choice)))
        if choice["num_preemptions"]:
            rows.append(("preempted", f"{choice['num_preemptions']} times, and computed again"))
        if choice["constraint"]:
            took = _took(choice["constraint_seconds"])
            rows.append(("constraint", f"{choice['constraint']}, made in {took}"))
        if choice["chat_format"]:
            rows.append(("format", choice["chat_format"]))
    return Group("Answer" if num_choices == 1 else f"Answer {number + 1}", tuple(rows))


def _cause(choice: Found) -> str:
    reason = choice["finish_reason"]
    cause = _CAUSES.get(choice.get("stop_cause") or "")
    if cause is None:
        return reason
    stop_text = f" {json.dumps(choice['stop_text'], ensure_ascii=False)}" if choice["stop_text"] else ""
    return f"{reason}: {cause}{stop_text}"


def _company(choice: Found) -> str:
    forwards = f"{choice['num_forwards']:,} forwards"
    if not choice["most_companions"]:
        return f"alone in {forwards}"
    named: Sequence[str] = choice["companions"]
    shown = ", ".join(named[:_SHOWN_COMPANIONS]) + (", ..." if len(named) > _SHOWN_COMPANIONS else "")
    of_them = f" ({shown})" if shown else ""
    most = choice["most_companions"]
    return f"{forwards}, {choice['mean_batch']:.1f} sequences in each, at most {most} beside it{of_them}"


def _worker(worker: Found | None) -> tuple[Row, ...]:
    if not worker:
        return ()
    reason = f" ({worker['reason']})" if worker["reason"] else ""
    restarts = worker["num_restarts"]
    return (("now", f"{worker['state']}{reason}, {restarts} restarts so far"),)


def _error(error: Found | None) -> tuple[Row, ...]:
    if error is None:
        return ()
    where = (("field", error["param"]),) if error["param"] else ()
    return (("kind", f"{error['type']} (HTTP {error['status']})"), *where, ("message", error["message"]))


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, str) and value.startswith("("):
        return value  # described, not quoted
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _took(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else render_seconds(seconds)


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
