"""The way of one request's deltas from the worker's reader to whoever answers the client."""

import asyncio
from typing import Self

from labkit.errors import LabkitError, NotReadyError, UnavailableError
from labkit.worker.messages import Delta
from labkit.worker.wire import restore_error

MAX_PENDING_DELTAS = 4096


class Route:
    """A bounded queue that ends with exactly one last delta or one error; what comes after that is dropped."""

    def __init__(self) -> None:
        self._items: asyncio.Queue[Delta | LabkitError] = asyncio.Queue()
        self._drained = False
        self.is_over = False

    def deliver(self, delta: Delta) -> bool:
        """Pass on what the worker said. False when the client reads so slowly that the request was given up."""
        if self.is_over:
            return True
        if delta.error is not None:
            self.fail(restore_error(delta.error))
        elif delta.finish_reason == "cancelled":
            self.fail(NotReadyError("the worker is stopping: the answer was cut", hint="send the request again"))
        elif self._items.qsize() >= MAX_PENDING_DELTAS:
            self.fail(UnavailableError("the client read too slowly: the answer was cut"))
            return False
        else:
            self.is_over = delta.is_last
            self._items.put_nowait(delta)
        return True

    def fail(self, error: LabkitError) -> bool:
        """End the request with `error`. False when it was over already."""
        if self.is_over:
            return False
        self.is_over = True
        self._items.put_nowait(error)
        return True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        if self._drained:
            raise StopAsyncIteration
        item = await self._items.get()
        if isinstance(item, LabkitError):
            self._drained = True
            raise item
        self._drained = item.is_last
        return item
