"""Embeddings and rerank scores for many requests at once: one thread, one inbox, few full forwards."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import numpy.typing as npt

from labkit.engine.core.embedding_backend import EmbeddingBackend
from labkit.engine.core.packing import PackedInput, Packer
from labkit.engine.types import EmbeddingEvent, EmbeddingRequest, Timings, Usage
from labkit.errors import (
    ContextLengthExceededError,
    InvalidRequestError,
    LabkitError,
    NativeError,
    NotReadyError,
    QueueFullError,
)

logger = logging.getLogger(__name__)

OnEmbeddings = Callable[[list[EmbeddingEvent]], None]
Vector = npt.NDArray[np.float32]
_NEWEST_SHARE = 0.2
"""Weight of the last forward in the measured throughput."""


@dataclass(frozen=True, slots=True)
class EmbedderStats:
    """A snapshot; `last_step` is a `time.monotonic()` value."""

    num_running: int
    waiting_tokens: int
    last_step: float


@dataclass(slots=True)
class _Running:
    request: EmbeddingRequest
    arrived: float
    num_left: int
    first_forward: float | None = None
    results: list[tuple[int, Vector]] = field(default_factory=list)


class Embedder:
    """Computes the inputs of many requests in as few forwards as fit, fair between requests.

    `submit`, `cancel` and `shutdown` may be called from any thread and take effect before the next forward.
    `on_step` is called from the embedder's thread after each forward, with the events of all requests: it must not
    block for long and must not raise. Every submitted request gets exactly one last event, whatever happens.
    """

    def __init__(
        self,
        backend: EmbeddingBackend,
        on_step: OnEmbeddings,
        *,
        max_waiting: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._on_step = on_step
        self._max_requests = max_waiting
        self._clock = clock
        self._packer = Packer(batch_tokens=backend.batch_tokens, max_inputs=backend.max_inputs)
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._running: dict[str, _Running] = {}
        self._events: list[EmbeddingEvent] = []
        self._tokens_per_second: float | None = None
        self._stopping = False
        self._last_step = clock()
        self._prepared = threading.Event()
        self._thread = threading.Thread(target=self._run, name="labkit-embedder", daemon=True)

    def start(self) -> None:
        """Start the loop in its own thread; returns when the backend is prepared, or the loop has failed."""
        self._thread.start()
        self._prepared.wait()

    def submit(self, request: EmbeddingRequest) -> None:
        """Accept a request. What is wrong with it comes as its last event, never as an exception."""
        self._inbox.put(lambda: self._accept(request))

    def cancel(self, request_id: str) -> None:
        """End a request with finish_reason "cancelled". Unknown ids are ignored."""
        self._inbox.put(lambda: self._cancel(request_id))

    def shutdown(self, timeout_seconds: float | None = None) -> None:
        """Cancel everything and end the loop; waits for it."""
        self._inbox.put(self._stop)
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def stats(self) -> EmbedderStats:
        """How much runs and waits, and when the last forward ended. Any thread may ask."""
        return EmbedderStats(len(self._running), self._packer.waiting_tokens, self._last_step)

    @property
    def is_alive(self) -> bool:
        """Whether the loop runs. It ends by `shutdown`, or by a bug after which nothing can be trusted."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._backend.prepare()
            self._prepared.set()
            while not self._stopping:
                self._read_inbox(wait=not self._packer)
                self.step()
        except Exception:
            logger.exception("the embedder's loop has a bug")
            for running in list(self._running.values()):
                self._end(running, error=NativeError("the embedder failed", hint="see the worker's log"))
        self._stopping = True
        self._prepared.set()
        self._read_inbox(wait=False)
        self._emit()

    def step(self) -> None:
        """One turn: read the inbox, compute one forward, tell. Public for tests, which call it without a thread."""
        self._read_inbox(wait=False)
        if packed := self._packer.next_forward():
            self._compute(packed)
        self._last_step = self._clock()
        self._emit()

    def _read_inbox(self, *, wait: bool) -> None:
        try:
            if wait:
                self._inbox.get()()
            while True:
                self._inbox.get_nowait()()
        except queue.Empty:
            return

    def _accept(self, request: EmbeddingRequest) -> None:
        problem = self._problem_with(request)
        if problem is not None:
            self._events.append(EmbeddingEvent(request.request_id, error=problem))
            return
        self._running[request.request_id] = _Running(request, self._clock(), len(request.inputs))
        self._packer.add(request.request_id, [len(tokens) for tokens in request.inputs])

    def _problem_with(self, request: EmbeddingRequest) -> LabkitError | None:
        if self._stopping:
            return NotReadyError("the embedder is shutting down")
        if request.request_id in self._running:
            return InvalidRequestError(f"request id '{request.request_id}' is already running", param="request_id")
        if len(self._running) >= self._max_requests:
            return QueueFullError(f"{len(self._running)} requests are waiting", retry_after_seconds=self._retry_after())
        if request.dimensions is not None and not 1 <= request.dimensions <= self._backend.size:
            return InvalidRequestError(
                f"dimensions is {request.dimensions}, this model's vectors have {self._backend.size}",
                param="dimensions",
            )
        return problem_with_inputs(request, self._backend.sequence_tokens, self._backend.vocab_size)

    def _retry_after(self) -> int:
        seconds = self._packer.waiting_tokens / self._tokens_per_second if self._tokens_per_second else 1.0
        return max(1, round(seconds))

    def _cancel(self, request_id: str) -> None:
        running = self._running.get(request_id)
        if running is not None:
            self._packer.remove(request_id)
            self._remove(running)
            self._events.append(EmbeddingEvent(request_id, finish_reason="cancelled"))

    def _stop(self) -> None:
        self._stopping = True
        for request_id in list(self._running):
            self._cancel(request_id)

    def _compute(self, packed: Sequence[PackedInput]) -> None:
        started = self._clock()
        for one in packed:
            running = self._running[one.request_id]
            running.first_forward = running.first_forward or started
        try:
            vectors = self._backend.forward([self._tokens(one) for one in packed])
        except NativeError as error:
            self._on_failure(packed, error)
            return
        self._measure(sum(one.num_tokens for one in packed), self._clock() - started)
        for one, vector in zip(packed, vectors, strict=True):
            self._store(one, vector)
        for request_id, _ in groupby(sorted(one.request_id for one in packed)):
            self._tell(request_id)

    def _tokens(self, packed: PackedInput) -> tuple[int, ...]:
        return self._running[packed.request_id].request.inputs[packed.index]

    def _on_failure(self, packed: Sequence[PackedInput], error: NativeError) -> None:
        """Fail the request that is to blame: requests that only shared its forward are computed one by one."""
        if len({one.request_id for one in packed}) == 1:
            logger.error("a forward failed: %s (%s)", error.message, packed[0].request_id)
            self._end(self._running[packed[0].request_id], error=error)
            return
        for one in packed:
            if one.request_id in self._running:
                self._compute([one])

    def _measure(self, num_tokens: int, seconds: float) -> None:
        if seconds > 0:
            newest = num_tokens / seconds
            before = self._tokens_per_second or newest
            self._tokens_per_second = before + (newest - before) * _NEWEST_SHARE

    def _store(self, packed: PackedInput, vector: Vector) -> None:
        running = self._running.get(packed.request_id)
        if running is None:
            return
        if not np.isfinite(vector).all():
            self._end(running, error=NativeError("the model answered with a number that is not finite"))
            return
        request = running.request
        finished = finish_vector(vector, request.dimensions, normalize=request.normalize)
        running.results.append((packed.index, finished))
        running.num_left -= 1

    def _tell(self, request_id: str) -> None:
        running = self._running.get(request_id)
        if running is None:
            return
        if running.num_left == 0:
            self._end(running)
            return
        results, running.results = tuple(running.results), []
        self._events.append(EmbeddingEvent(request_id, results))

    def _end(self, running: _Running, error: LabkitError | None = None) -> None:
        self._packer.remove(running.request.request_id)
        self._remove(running)
        request_id = running.request.request_id
        if error is not None:
            self._events.append(EmbeddingEvent(request_id, error=error))
            return
        now = self._clock()
        first = running.first_forward if running.first_forward is not None else now
        event = EmbeddingEvent(
            request_id,
            tuple(running.results),
            finish_reason="stop",
            usage=Usage(sum(len(tokens) for tokens in running.request.inputs), 0),
            timings=Timings(first - running.arrived, now - first, 0.0),
        )
        self._events.append(event)

    def _remove(self, running: _Running) -> None:
        del self._running[running.request.request_id]

    def _emit(self) -> None:
        if self._events:
            events, self._events = self._events, []
            self._on_step(events)


def problem_with_inputs(request: EmbeddingRequest, sequence_tokens: int, vocab_size: int) -> LabkitError | None:
    """What is wrong with the inputs, each named by its place; None when nothing is."""
    if not request.inputs:
        return InvalidRequestError(f"{request.param} is empty", param=request.param)
    for index, tokens in enumerate(request.inputs):
        place = f"{request.param}[{index}]"
        if not tokens:
            return InvalidRequestError(f"{place} is empty", param=request.param)
        if len(tokens) > sequence_tokens:
            hint = "split it into shorter pieces, or serve the model with a larger --ctx if it was trained for more"
            return ContextLengthExceededError(len(tokens), sequence_tokens, what=place, param=request.param, hint=hint)
        if min(tokens) < 0 or max(tokens) >= vocab_size:
            wrong = next(token for token in tokens if not 0 <= token < vocab_size)
            return InvalidRequestError(
                f"{place} holds the token id {wrong}, the vocabulary has {vocab_size} tokens", param=request.param
            )
    return None


def finish_vector(vector: Vector, dimensions: int | None, *, normalize: bool) -> Vector:
    """The first `dimensions` numbers of `vector`, shape (size,), scaled to L2 norm 1. Zeros stay zeros."""
    cut = vector[..., :dimensions]
    if not normalize:
        return cut
    norm = np.linalg.norm(cut, axis=-1, keepdims=True)
    return np.asarray(cut / np.where(norm > 0, norm, 1), np.float32)
