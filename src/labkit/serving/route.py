"""The way of one request's deltas from the worker's reader to whoever answers the client."""

import asyncio

from labkit.errors import LabkitError, NotReadyError, UnavailableError
from labkit.worker.merging import merged
from labkit.worker.messages import Delta
from labkit.worker.wire import restore_error

MAX_PENDING_DELTAS = 4096


class Route:
    """A bounded buffer that ends with exactly one last delta or one error; what comes after that is dropped.

    One task reads. A reader that is as fast as the model gets every delta as it comes; to a slower one, all that
    came meanwhile is one piece of news.
    """

    def __init__(self) -> None:
        self._pending: list[Delta] = []
        self._error: LabkitError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.is_over = False
        self.is_read = False

    def deliver(self, delta: Delta) -> bool:
        """Pass on what the worker said. False when the client reads so slowly that the request was given up."""
        if self.is_over:
            return True
        if delta.error is not None:
            self.fail(restore_error(delta.error))
        elif delta.finish_reason == "cancelled":
            self.fail(NotReadyError("the worker is stopping: the answer was cut", hint="send the request again"))
        elif len(self._pending) >= MAX_PENDING_DELTAS:
            self.fail(UnavailableError("the client read too slowly: the answer was cut"))
            return False
        else:
            self.is_over = delta.is_last
            self._pending.append(delta)
            self._wake()
        return True

    def fail(self, error: LabkitError) -> bool:
        """End the request with `error`. False when it was over already."""
        if self.is_over:
            return False
        self.is_over = True
        self._error = error
        self._wake()
        return True

    async def news(self) -> list[Delta]:
        """Everything that came since the last call; waits for something. Raises the request's error after the rest.

        `is_read` is true when there will be no more.
        """
        if not self._pending and self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._pending:
            deltas, self._pending = self._pending, []
            self.is_read = self.is_over and self._error is None
            return merged(deltas)
        self.is_read = True
        assert self._error is not None
        raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
