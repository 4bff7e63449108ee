"""What the worker can tell about an answer when it is over. Nothing of it is computed before."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from labkit.engine.native.model import NativeModel
from labkit.engine.types import Company, GenerationRequest, TokenEvent
from labkit.worker.messages import Generate, Generation, Report

TEMPLATE = "template"
"""Under this name go tokens of the prompt that belong to no message."""
_NOBODY = Company()
_CHOICE = re.compile(r"#\d+$")


class Account:
    """What is known of one choice of a request."""

    def __init__(
        self, model: NativeModel, message: Generation, request: GenerationRequest, *, chat_format: str = ""
    ) -> None:
        self._model = model
        self._message = message
        self._request = request
        self._chat_format = chat_format

    def report(self, last: TokenEvent, constraint_seconds: float = 0.0) -> Report:
        """The report that goes with the last delta. Takes a millisecond for a prompt of 5,000 tokens."""
        message, request, company = self._message, self._request, last.company or _NOBODY
        pieces = [self._model.piece(token, with_control=True) for token in request.prompt]
        messages = message.messages if isinstance(message, Generate) else ()
        return Report(
            stop_cause=last.stop_cause,
            stop_text=last.stop_text,
            sampling=request.sampling,
            message_tokens=message_tokens(pieces, messages),
            prompt=b"".join(pieces).decode(errors="replace") if message.tell_prompt else None,
            companions=_requests_of(company.request_ids, but=message.request_id),
            most_companions=company.most,
            mean_batch=company.mean_batch,
            num_forwards=company.num_forwards,
            num_preemptions=company.num_preemptions,
            constraint=request.constraint.kind if request.constraint else "",
            constraint_seconds=constraint_seconds,
            chat_format=self._chat_format,
        )


def _requests_of(engine_ids: Sequence[str], *, but: str) -> tuple[str, ...]:
    """Ids of the requests that sequences belong to: one of several choices has its number after a #."""
    names = (_CHOICE.sub("", engine_id) for engine_id in engine_ids)
    return tuple(dict.fromkeys(name for name in names if name != but))


def message_tokens(pieces: Sequence[bytes], messages: Sequence[dict[str, Any]]) -> tuple[tuple[str, int], ...]:
    """(role, tokens) of each message in the prompt that `pieces` spell, and what is left. Pure.

    A token belongs to the message whose text it begins in. A text that the template has changed is not found, and
    counts as the template's.
    """
    prompt = b"".join(pieces)
    starts = list(accumulate(map(len, pieces), initial=0))[:-1]
    found: list[tuple[str, int]] = []
    cursor = 0
    for message in messages:
        text = message.get("content")
        wanted = text.strip().encode() if isinstance(text, str) else b""
        place = prompt.find(wanted, cursor) if wanted else -1
        if place < 0:
            found.append((str(message.get("role", "")), 0))
            continue
        cursor = place + len(wanted)
        found.append((str(message.get("role", "")), bisect_left(starts, cursor) - bisect_left(starts, place)))
    return (*found, (TEMPLATE, len(pieces) - sum(count for _, count in found)))
