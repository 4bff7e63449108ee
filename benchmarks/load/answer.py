"""From the stamped bytes of one streamed answer to its text, its token counts and its times."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """One streamed chat completion. Times are `time.perf_counter()` values.

    Attributes:
        text: content and reasoning together.
        token_times: when each event that carries text arrived.
        completion_tokens: as the server counts them; of servers that do not, the number of such events.
        cached_tokens: of the prompt, as the server reports; None where it does not.
        problem: why it is not a whole answer.
    """

    started: float
    ended: float
    text: str
    token_times: tuple[float, ...]
    prompt_tokens: int | None
    completion_tokens: int
    cached_tokens: int | None
    finish_reason: str | None
    problem: str | None = None

    @property
    def ttft_seconds(self) -> float:
        """From sending the request to the first text."""
        return self.token_times[0] - self.started

    @property
    def seconds(self) -> float:
        """From sending the request to the end of the answer."""
        return self.ended - self.started

    @property
    def gaps_seconds(self) -> tuple[float, ...]:
        """Times between events with text."""
        return tuple(later - earlier for earlier, later in pairwise(self.token_times))

    def require_complete(self) -> None:
        """Raise RuntimeError when the server refused, failed, or said nothing."""
        if self.problem:
            raise RuntimeError(f"the server did not answer: {self.problem}")


def read_answer(started: float, pieces: Iterable[tuple[float, bytes]]) -> Answer:
    """The answer in an HTTP/1.1 response whose bytes arrived as `pieces` of (time, bytes)."""
    pieces = list(pieces)
    whole = b"".join(data for _, data in pieces)
    head, _, _ = whole.partition(b"\r\n\r\n")
    ended = pieces[-1][0] if pieces else started
    if not head.startswith(b"HTTP/1.1 200"):
        return _no_answer(started, ended, whole[-600:].decode(errors="replace") or "the connection was closed")
    reading = _Reading()
    for time, event in _events(pieces, chunked=b"transfer-encoding: chunked" in head.lower()):
        reading.take(time, event)
    return reading.answer(started)


def _no_answer(started: float, ended: float, problem: str) -> Answer:
    return Answer(started, ended, "", (), None, 0, None, None, problem)


class _Reading:
    """Adds up events."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._times: list[float] = []
        self._usage: dict[str, Any] = {}
        self._finish_reason: str | None = None
        self._problem: str | None = "the stream ended without [DONE]"
        self._ended = 0.0

    def take(self, time: float, event: str) -> None:
        self._ended = time
        if event == "[DONE]":
            self._problem = None if self._times else "no text came"
            return
        body = json.loads(event)
        if "error" in body:
            self._problem = f"the stream ended with an error: {body['error']}"
            return
        self._usage = body.get("usage") or self._usage
        for choice in body.get("choices", ()):
            self._finish_reason = choice.get("finish_reason") or self._finish_reason
            delta = choice.get("delta") or {}
            text = (delta.get("reasoning_content") or "") + (delta.get("content") or "")
            if text:
                self._texts.append(text)
                self._times.append(time)

    def answer(self, started: float) -> Answer:
        usage = self._usage
        return Answer(
            started=started,
            ended=self._ended,
            text="".join(self._texts),
            token_times=tuple(self._times),
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens", len(self._times)),
            cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
            finish_reason=self._finish_reason,
            problem=self._problem,
        )


def _events(pieces: list[tuple[float, bytes]], *, chunked: bool) -> Iterator[tuple[float, str]]:
    """(time of its last byte, data) of every server-sent event."""
    buffer = b""
    for time, data in _bodies(pieces, chunked=chunked):
        buffer = (buffer + data).replace(b"\r\n", b"\n")
        *complete, buffer = buffer.split(b"\n\n")
        for event in complete:
            lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
            if lines:
                yield time, b"\n".join(lines).decode()


def _bodies(pieces: list[tuple[float, bytes]], *, chunked: bool) -> Iterator[tuple[float, bytes]]:
    """The body without head and framing, still by arrival."""
    buffer, in_head, missing = b"", True, 0
    for time, data in pieces:
        buffer += data
        if in_head:
            _, end, rest = buffer.partition(b"\r\n\r\n")
            if not end:
                continue
            buffer, in_head = rest, False
        if not chunked:
            yield time, buffer
            buffer = b""
            continue
        while True:
            if missing == 0:
                size, end, rest = buffer.lstrip(b"\r\n").partition(b"\r\n")
                if not end:
                    break
                missing, buffer = int(size.split(b";")[0], 16), rest
                if missing == 0:
                    return
            if not buffer:
                break
            taken, buffer = buffer[:missing], buffer[missing:]
            missing -= len(taken)
            yield time, taken
