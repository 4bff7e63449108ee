"""One thread, one inbox, one loop: plan -> forward -> sample -> commit."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from labkit.engine.core.backend import Backend
from labkit.engine.core.plan import BatchPlan
from labkit.engine.core.scheduler import Scheduler
from labkit.engine.core.sequence import Sequence
from labkit.engine.text import Detokenizer, StopMatcher
from labkit.engine.types import FinishReason, GenerationRequest, Timings, TokenEvent, Usage
from labkit.errors import (
    ContextLengthExceededError,
    InvalidRequestError,
    LabkitError,
    NativeError,
    NotReadyError,
    QueueFullError,
)

logger = logging.getLogger(__name__)

OnStep = Callable[[list[TokenEvent]], None]


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A snapshot; `last_step` is a `time.monotonic()` value."""

    num_running: int
    num_waiting: int
    last_step: float


@dataclass(slots=True)
class _Stream:
    """A sequence with the text side of it."""

    sequence: Sequence
    detokenizer: Detokenizer
    stopping: StopMatcher


class Engine:
    """Generates for many requests at once over one backend.

    `submit`, `cancel` and `shutdown` may be called from any thread and take effect at the next step.
    `on_step` is called from the engine's thread, once per step, with the events of all requests: it must not block
    for long and must not raise. Every submitted request gets exactly one last event, whatever happens.
    """

    def __init__(
        self,
        backend: Backend,
        on_step: OnStep,
        *,
        max_waiting: int = 64,
        clock: Callable[[], float] = time.monotonic,
        check_integrity: bool = False,
    ) -> None:
        self._backend = backend
        self._on_step = on_step
        self._max_waiting = max_waiting
        self._clock = clock
        self._check_integrity = check_integrity
        self._scheduler = Scheduler(
            num_slots=backend.num_slots, num_cells=backend.context_tokens, batch_tokens=backend.batch_tokens
        )
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._streams: dict[str, _Stream] = {}
        self._events: list[TokenEvent] = []
        self._stopping = False
        self._last_step = clock()
        self._prepared = threading.Event()
        self._thread = threading.Thread(target=self._run, name="labkit-engine", daemon=True)

    def start(self) -> None:
        """Start the loop in its own thread; returns when the backend is prepared, or the loop has failed."""
        self._thread.start()
        self._prepared.wait()

    def submit(self, request: GenerationRequest) -> None:
        """Accept a request. What is wrong with it comes as its last event, never as an exception."""
        self._inbox.put(lambda: self._accept(request))

    def cancel(self, request_id: str) -> None:
        """End a request with finish_reason "cancelled" and free its slot. Unknown ids are ignored."""
        self._inbox.put(lambda: self._cancel(request_id))

    def shutdown(self, timeout_seconds: float | None = None) -> None:
        """Cancel everything and end the loop; waits for it."""
        self._inbox.put(self._stop)
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def stats(self) -> EngineStats:
        """How many requests run and wait, and when the last step ended. Any thread may ask."""
        scheduler = self._scheduler
        return EngineStats(len(scheduler.running), len(scheduler.waiting), self._last_step)

    @property
    def is_alive(self) -> bool:
        """Whether the loop runs. It ends by `shutdown`, or by a bug after which nothing can be trusted."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._backend.prepare()
            self._prepared.set()
            while not self._stopping:
                self._read_inbox(wait=not self._streams)
                self.step()
        except Exception:
            logger.exception("the engine's loop has a bug")
            for stream in list(self._streams.values()):
                self._fail(stream, NativeError("the engine failed", hint="see the worker's log"))
        self._stopping = True
        self._prepared.set()
        self._read_inbox(wait=False)
        self._emit()

    def step(self) -> None:
        """One turn: plan, forward, sample, commit. Public for tests, which call it without a thread."""
        self._read_inbox(wait=False)
        self._admit()
        plan = self._plan()
        if plan.spans and self._forward(plan):
            self._sample(plan)
        self._last_step = self._clock()
        if self._check_integrity:
            self._scheduler.check_integrity()
        self._emit()

    def _emit(self) -> None:
        if self._events:
            events, self._events = self._events, []
            self._on_step(events)

    def _read_inbox(self, *, wait: bool) -> None:
        try:
            if wait:
                self._inbox.get()()
            while True:
                self._inbox.get_nowait()()
        except queue.Empty:
            return

    def _accept(self, request: GenerationRequest) -> None:
        sequence = Sequence(request, arrived=self._clock())
        problem = self._problem_with(request)
        if problem is not None:
            self._events.append(TokenEvent(request.request_id, error=problem))
            return
        self._streams[request.request_id] = _Stream(sequence, Detokenizer(), StopMatcher(request.stop))
        self._scheduler.add(sequence)

    def _problem_with(self, request: GenerationRequest) -> LabkitError | None:
        if self._stopping:
            return NotReadyError("the engine is shutting down")
        if request.request_id in self._streams:
            return InvalidRequestError(f"request id '{request.request_id}' is already running", param="request_id")
        if not request.prompt:
            return InvalidRequestError("the prompt is empty", param="messages")
        if len(request.prompt) >= self._backend.sequence_tokens:
            return ContextLengthExceededError(len(request.prompt), self._backend.sequence_tokens)
        if len(self._scheduler.waiting) >= self._max_waiting:
            return QueueFullError(
                f"{self._max_waiting} requests are already waiting", retry_after_seconds=self._retry_after()
            )
        return None

    def _retry_after(self) -> int:
        # Until throughput is tracked, the age of the oldest waiting request is the honest estimate of a wait.
        oldest = self._scheduler.waiting[0].arrived if self._scheduler.waiting else self._clock()
        return max(1, round(self._clock() - oldest))

    def _cancel(self, request_id: str) -> None:
        stream = self._streams.get(request_id)
        if stream is not None:
            self._finish(stream, "cancelled", stream.stopping.flush())

    def _stop(self) -> None:
        self._stopping = True
        for request_id in list(self._streams):
            self._cancel(request_id)

    def _admit(self) -> None:
        for sequence in self._scheduler.admit():
            if sequence.admitted is not None:
                continue  # back from a preemption: its sampler was kept
            sequence.admitted = self._clock()
            try:
                self._backend.open(sequence.request)
            except LabkitError as error:
                self._fail(self._streams[sequence.request.request_id], error)

    def _plan(self) -> BatchPlan:
        for _, slot in self._scheduler.preempt_for_room():
            self._backend.free_cells(slot)
        return self._scheduler.plan()

    def _forward(self, plan: BatchPlan) -> bool:
        try:
            self._backend.forward(plan)
        except NativeError as error:
            logger.exception("a forward failed")
            for span in plan.spans:
                self._fail(self._streams[span.sequence.request.request_id], error)
            return False
        self._scheduler.commit(plan)
        return True

    def _sample(self, plan: BatchPlan) -> None:
        for span, row in plan.sampling_rows():
            sequence = span.sequence
            stream = self._streams[sequence.request.request_id]
            try:
                token, _ = self._backend.sample(sequence.request.request_id, row)
            except LabkitError as error:
                self._fail(stream, error)
                continue
            self._commit(stream, token)

    def _commit(self, stream: _Stream, token: int) -> None:
        sequence, request = stream.sequence, stream.sequence.request
        if sequence.first_token is None:
            sequence.first_token = self._clock()
        sequence.tokens.append(token)
        if self._backend.is_end(token) and not request.ignore_eos:
            self._finish(stream, "stop", stream.stopping.flush(), (token,))
            return
        text = stream.stopping.feed(stream.detokenizer.feed(self._backend.piece(token)))
        if stream.stopping.is_stopped:
            self._finish(stream, "stop", text, (token,))
        elif self._is_full(sequence):
            rest = stream.stopping.feed(stream.detokenizer.flush()) + stream.stopping.flush()
            self._finish(stream, "length", text + rest, (token,))
        else:
            self._events.append(TokenEvent(request.request_id, text, (token,)))

    def _is_full(self, sequence: Sequence) -> bool:
        limit = sequence.request.max_tokens
        return (limit is not None and sequence.num_generated >= limit) or (
            len(sequence.tokens) >= self._backend.sequence_tokens
        )

    def _finish(self, stream: _Stream, reason: FinishReason, text: str, tokens: tuple[int, ...] = ()) -> None:
        sequence = self._remove(stream)
        usage = Usage(sequence.num_prompt, sequence.num_generated)
        event = TokenEvent(
            sequence.request.request_id,
            text,
            tokens,
            finish_reason=reason,
            usage=usage,
            timings=_timings(sequence, self._clock()),
        )
        self._events.append(event)

    def _fail(self, stream: _Stream, error: LabkitError) -> None:
        sequence = self._remove(stream)
        self._events.append(TokenEvent(sequence.request.request_id, error=error))

    def _remove(self, stream: _Stream) -> Sequence:
        sequence = stream.sequence
        del self._streams[sequence.request.request_id]
        slot = self._scheduler.remove(sequence)
        if slot is not None:
            self._backend.free_cells(slot)
        self._backend.close(sequence.request.request_id)
        return sequence


def _timings(sequence: Sequence, now: float) -> Timings:
    admitted = sequence.admitted if sequence.admitted is not None else now
    first = sequence.first_token if sequence.first_token is not None else now
    return Timings(
        queue_seconds=admitted - sequence.arrived,
        prefill_seconds=max(first - admitted, 0.0),
        decode_seconds=max(now - first, 0.0),
    )
