"""Several steps' news as one: what is sent when its reader was not as fast as the model. Pure."""

from collections.abc import Iterable, Sequence
from itertools import chain

from labkit.worker.messages import Delta, ToolCallDelta


def merged(deltas: Sequence[Delta]) -> list[Delta]:
    """The same news in as few deltas as can be: one for each choice of each request, and each error.

    Where the last delta of a request was the last, it still is. An error is not merged: it says nothing of the text.
    """
    if len(deltas) == 1:
        return [deltas[0]]
    groups: dict[tuple[str, int, bool], list[Delta]] = {}
    for delta in deltas:
        key = (delta.request_id, delta.choice, delta.error is not None)
        group = groups.pop(key, [])  # back in at the end: the order is that of the last news
        group.append(delta)
        groups[key] = group
    return [group[0] if len(group) == 1 else _joined(group) for group in groups.values()]


def joined_tool_calls(calls: Iterable[ToolCallDelta]) -> tuple[ToolCallDelta, ...]:
    """One delta for each call: its id and name, if they are among `calls`, and all of its argument text."""
    found: dict[int, list[ToolCallDelta]] = {}
    for call in calls:
        found.setdefault(call.index, []).append(call)
    return tuple(
        ToolCallDelta(
            index,
            next((part.id for part in parts if part.id is not None), None),
            next((part.name for part in parts if part.name is not None), None),
            "".join(part.arguments for part in parts),
        )
        for index, parts in found.items()
    )


def _joined(deltas: list[Delta]) -> Delta:
    last = deltas[-1]
    return Delta(
        last.request_id,
        content="".join([delta.content for delta in deltas]),
        reasoning="".join([delta.reasoning for delta in deltas]),
        tool_calls=joined_tool_calls(chain.from_iterable(delta.tool_calls for delta in deltas)),
        num_tokens=sum([delta.num_tokens for delta in deltas]),
        finish_reason=last.finish_reason,
        error=last.error,
        usage=last.usage,
        timings=last.timings,
        choice=last.choice,
        num_open=last.num_open,
        logprobs=tuple(chain.from_iterable(delta.logprobs for delta in deltas)),
        prompt=next((delta.prompt for delta in deltas if delta.prompt is not None), None),
        report=last.report,
        prompt_tokens=deltas[0].prompt_tokens,
    )
