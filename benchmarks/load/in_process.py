"""The engine without front and worker: requests in, a log of its steps out."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labkit.engine.engine import Engine
from labkit.engine.native.backend import NativeBackend
from labkit.engine.types import EngineConfig, GenerationRequest, TokenEvent


@dataclass(slots=True)
class Steps:
    """What a run did, step by step.

    Attributes:
        steps: (time, tokens by request, requests that ended).
        submitted: when each request was handed over.
    """

    started: float
    submitted: dict[str, float] = field(default_factory=dict)
    steps: list[tuple[float, dict[str, int], set[str]]] = field(default_factory=list)

    def add(self, events: list[TokenEvent]) -> None:
        """One step's events."""
        tokens = {event.request_id: len(event.tokens) for event in events if event.tokens}
        self.steps.append((time.perf_counter(), tokens, {event.request_id for event in events if event.is_last}))

    def rate(self) -> float:
        """Tokens per second from the first submission to the end."""
        return sum(sum(tokens.values()) for _, tokens, _ in self.steps) / (self.steps[-1][0] - self.started)

    def first_token_seconds(self) -> list[float]:
        """From the hand-over of each request to its first token."""
        first: dict[str, float] = {}
        for now, tokens, _ in self.steps:
            for request_id in tokens:
                first.setdefault(request_id, now)
        return [first[request_id] - submitted for request_id, submitted in self.submitted.items()]

    def decode_rate(self, batch: int) -> float:
        """Tokens per second while all of `batch` requests decode.

        That is from the step of the last one's first token to the step in which the first one ends.
        """
        seen: set[str] = set()
        begin, end, total = 0.0, 0.0, 0
        for now, tokens, ended in self.steps:
            if begin:
                total, end = total + sum(tokens.values()), now
            if ended:
                break
            seen |= tokens.keys()
            if len(seen) == batch and not begin:
                begin = now
        return total / (end - begin)


class InProcess:
    """An engine of this process. The first error of a request is raised where its run is awaited."""

    def __init__(self, model: Path, config: EngineConfig) -> None:
        self.backend = NativeBackend(model, config)
        self._engine = Engine(self.backend, self._on_step, config=config)
        self._engine.start()

    def run(self, requests: Sequence[GenerationRequest], *, concurrency: int) -> Steps:
        """Generate for all of them, `concurrency` at a time (closed loop). Blocks."""
        self._waiting = deque(requests[concurrency:])
        self._num_running = min(concurrency, len(requests))
        self._error: Exception | None = None
        self._done = threading.Event()
        self._steps = Steps(time.perf_counter())
        for request in requests[:concurrency]:
            self._submit(request)
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._steps

    def close(self) -> None:
        """End the engine."""
        self._engine.shutdown()

    def _submit(self, request: GenerationRequest) -> None:
        self._steps.submitted[request.request_id] = time.perf_counter()
        self._engine.submit(request)

    def _on_step(self, events: list[TokenEvent]) -> None:
        self._steps.add(events)
        for event in events:
            self._error = self._error or event.error
            if event.is_last:
                if self._waiting:
                    self._submit(self._waiting.popleft())
                else:
                    self._num_running -= 1
        if self._num_running == 0:
            self._done.set()
