"""What may come in, and who has waited too long."""

from labkit.engine.core.backend import Backend
from labkit.engine.core.scheduler import Scheduler
from labkit.engine.core.sequence import Sequence
from labkit.engine.types import EngineConfig, GenerationRequest
from labkit.errors import ContextLengthExceededError, InvalidRequestError, NotReadyError, QueueFullError

_RATE_OF_LEARNING = 0.2


class Gate:
    """Checks requests against the limits of an engine. Modifies itself; one loop owns it."""

    def __init__(self, backend: Backend, config: EngineConfig, scheduler: Scheduler) -> None:
        self._sequence_tokens = backend.sequence_tokens
        self._max_waiting = config.max_waiting
        self._max_wait_seconds = config.max_wait_seconds
        self._scheduler = scheduler
        self._service_seconds = 1.0
        self.is_closed = False

    def check(self, request: GenerationRequest) -> None:
        """Raise NotReadyError, InvalidRequestError, ContextLengthExceededError or QueueFullError."""
        if self.is_closed:
            raise NotReadyError("the engine is shutting down")
        if not request.prompt:
            raise InvalidRequestError("the prompt is empty", param="messages")
        wants_tokens = request.max_tokens != 0
        if len(request.prompt) + wants_tokens > self._sequence_tokens:
            raise ContextLengthExceededError(len(request.prompt), self._sequence_tokens)
        if request.max_tokens is not None and request.min_tokens > request.max_tokens:
            raise InvalidRequestError(
                f"min_tokens {request.min_tokens} is more than max_tokens {request.max_tokens}", param="min_tokens"
            )
        # Those that came since the last step have not had their chance of a free slot yet.
        free = self._scheduler.max_running - len(self._scheduler.running)
        if len(self._scheduler.waiting) >= self._max_waiting + free:
            raise self._refusal(f"{self._max_waiting} requests are already waiting")

    def learn(self, service_seconds: float) -> None:
        """A request has ended so long after it was admitted."""
        self._service_seconds += _RATE_OF_LEARNING * (service_seconds - self._service_seconds)

    def overdue(self, now: float) -> list[tuple[Sequence, QueueFullError]]:
        """Sequences that never ran and have waited longer than allowed, with what to tell their clients."""
        limit = self._max_wait_seconds
        if limit is None:
            return []
        late = [each for each in self._scheduler.waiting if each.admitted is None and now - each.arrived > limit]
        return [(each, self._refusal(f"no slot became free within {limit:g} seconds")) for each in late]

    def _refusal(self, message: str) -> QueueFullError:
        """With the seconds until the queue has moved on by a place, at the pace of the last requests."""
        seconds = round(self._service_seconds / max(len(self._scheduler.running), 1))
        return QueueFullError(message, retry_after_seconds=max(1, seconds))
