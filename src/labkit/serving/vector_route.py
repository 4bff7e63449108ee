"""The way of one embedding or rerank request's results from the worker's reader to whoever answers the client."""

import asyncio

from labkit.errors import LabkitError, NotReadyError
from labkit.worker.messages import Embedded
from labkit.worker.wire import restore_error


class VectorRoute:
    """Gathers parts until the last one, or one error; what comes after that is dropped.

    Not bounded by how fast the client reads: nothing is written before all is there, and a request's size is limited.
    """

    def __init__(self) -> None:
        self._parts: list[Embedded] = []
        self._done: asyncio.Future[list[Embedded]] = asyncio.get_running_loop().create_future()

    @property
    def is_over(self) -> bool:
        """Whether the last part or an error came, or nobody waits any more."""
        return self._done.done()

    def deliver(self, part: Embedded) -> None:
        """Keep what the worker said."""
        if part.error is not None:
            self.fail(restore_error(part.error))
        elif part.finish_reason == "cancelled":
            self.fail(NotReadyError("the worker is stopping: the answer was cut", hint="send the request again"))
        elif not self.is_over:
            self._parts.append(part)
            if part.is_last:
                self._done.set_result(self._parts)

    def fail(self, error: LabkitError) -> bool:
        """End the request with `error`. False when it was over already."""
        if self.is_over:
            return False
        self._done.set_exception(error)
        return True

    async def parts(self) -> list[Embedded]:
        """All parts, the last one last. Raises the request's error."""
        return await asyncio.shield(self._done)
