"""What became of one request: who asked, for what, when each part of the answer came, and how it ended.

An observation is filled in as the request passes; whoever counts (metrics, usage, explanations, traces, logs) is told
of its start and of its end, and does nothing in between.
"""

from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any, Protocol

from labkit.engine.types import Timings, Usage
from labkit.errors import LabkitError
from labkit.worker.messages import Delta, Embed, Embedded, Generation, Question, Report, Rerank

Operation = Generation | Embed | Rerank | Question


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request.

    Attributes:
        key_id: public part of the API key; "" where none is needed.
        name: what the key's owner called it.
        tenant: KV cells are shared only among callers of one tenant.
        address: the peer's address; "" for none.
    """

    key_id: str = ""
    name: str = ""
    tenant: str = ""
    address: str = ""


ANYBODY = Caller()


@dataclass(slots=True, kw_only=True)
class Observation:
    """One request. Times are monotonic seconds, but for `created` (since the epoch). Modified as the request goes.

    Attributes:
        request_id: what the client finds in x-request-id.
        answer_id: the id in the body of the answer; "" where it has none.
        body_bytes: size of the request's body; 0 while it is not read.
        route: template of the path ("/v1/models/{name}"), so that there are few different ones.
        given: fields of the body that the client set and that were honoured, by name.
        ignored: names of those that had no effect.
        operation: what the worker was asked; None when it never came to that.
        first_token, last_token: when the first and the last piece of the answer came.
        gaps: seconds between pieces of the answer, for streams and whole answers alike.
        trace_context: the W3C headers of the trace that the request is part of; {} for none.
        server: address and port that it came to.
        kept: every delta of the answer, where an observer put a list there; None keeps none.
        status: of the HTTP answer; None while there is none.
        error: what ended it, if anything did.
    """

    request_id: str
    method: str = ""
    route: str = ""
    caller: Caller = ANYBODY
    body_bytes: int = 0
    created: float = field(default_factory=time)
    started: float = field(default_factory=monotonic)
    ended: float | None = None
    answer_id: str = ""
    model: str = ""
    is_stream: bool = False
    given: dict[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    operation: Operation | None = None
    sent: float | None = None
    first_token: float | None = None
    last_token: float | None = None
    gaps: list[float] = field(default_factory=list)
    num_tokens: int = 0
    finish_reasons: tuple[str, ...] = ()
    usage: Usage | None = None
    timings: Timings | None = None
    reports: tuple[Report, ...] = ()
    trace_context: dict[str, str] = field(default_factory=dict)
    server: tuple[str, int | None] | None = None
    kept: list[Delta] | None = None
    client_left: bool = False
    status: int | None = None
    error: LabkitError | None = None

    def see(self, deltas: list[Delta]) -> None:
        """News of the answer. Called for every piece: does as little as can be."""
        now = monotonic()
        if self.kept is not None:
            self.kept += deltas
        for delta in deltas:
            self.num_tokens += delta.num_tokens
            if delta.finish_reason is not None:
                self._see_end(delta)
        if self.last_token is None:
            self.first_token = now
        else:
            self.gaps.append(now - self.last_token)
        self.last_token = now

    def see_parts(self, parts: list[Embedded]) -> None:
        """Vectors or scores."""
        for part in parts:
            self.usage, self.timings = part.usage or self.usage, part.timings or self.timings

    def _see_end(self, delta: Delta) -> None:
        self.finish_reasons += (str(delta.finish_reason),)
        self.usage, self.timings = delta.usage or self.usage, delta.timings or self.timings
        if delta.report is not None:
            self.reports += (delta.report,)


class Observer(Protocol):
    """Whoever counts. Its errors are its own: it must not raise, and must not block."""

    def started(self, observation: Observation) -> None:
        """A request was let in; its body was not read yet."""
        ...

    def ended(self, observation: Observation) -> None:
        """The last byte was sent, or will never be. Called once for every request that `started`."""
        ...
