"""The way of one request's deltas from the worker's reader to whoever answers the client."""

import asyncio

from labkit.errors import LabkitError, NotReadyError, UnavailableError
from labkit.serving.backlog import Backlog
from labkit.worker.merging import merged
from labkit.worker.messages import Delta
from labkit.worker.wire import restore_error

MAX_PENDING_DELTAS = 4096
UNCOUNTED_DELTAS = 32  # a reader is hardly behind: most requests never cost a count
MAX_READ_DELTAS = 64  # a client that is behind gets its news in pieces, so that little waits in its connection
_backlog = Backlog()


class Route:
    """A bounded buffer that ends with exactly one last delta or one error; what comes after that is dropped.

    One task reads. A reader that is as fast as the model gets every delta as it comes; to a slower one, all that
    came meanwhile is one piece of news.
    """

    def __init__(self, backlog: Backlog = _backlog) -> None:
        self._backlog = backlog
        self._must_cancel = False
        self._is_behind = False
        self._pending: list[Delta] = []
        self._error: LabkitError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.is_over = False
        self.is_read = False

    def deliver(self, delta: Delta) -> bool:
        """Pass on what the worker said. False when the client reads so slowly that the request was given up."""
        if self.is_over:
            must_cancel, self._must_cancel = self._must_cancel and not delta.is_last, False
            return not must_cancel
        if delta.error is not None:
            self.fail(restore_error(delta.error))
        elif delta.finish_reason == "cancelled":
            self.fail(NotReadyError("the worker is stopping: the answer was cut", hint="send the request again"))
        elif len(self._pending) >= MAX_PENDING_DELTAS:
            self.give_up()
            self._must_cancel = False
            return False
        else:
            self.is_over = delta.is_last
            self._pending.append(delta)
            self._wake()
            if self._is_behind:
                self._backlog.hold(self, (delta,))
            elif len(self._pending) > UNCOUNTED_DELTAS:
                self._is_behind = True
                self._backlog.hold(self, self._pending)
        return True

    def give_up(self) -> None:
        """End the request because its client is too far behind; what waits for it is forgotten."""
        self._must_cancel = not self.is_over
        self._pending.clear()
        self._error = UnavailableError("the client read too slowly: the answer was cut")
        self.is_over = True
        self._wake()

    def close(self) -> None:
        """Nobody reads it any more."""
        self._backlog.release(self)

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
            deltas, self._pending = self._pending[:MAX_READ_DELTAS], self._pending[MAX_READ_DELTAS:]
            if self._is_behind:
                self._catch_up(deltas)
            self.is_read = self.is_over and not self._pending and self._error is None
            return merged(deltas)
        self.is_read = True
        assert self._error is not None
        raise self._error

    def _catch_up(self, deltas: list[Delta]) -> None:
        if self._pending:
            self._backlog.read(self, deltas)
        else:
            self._backlog.release(self)
            self._is_behind = False

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
