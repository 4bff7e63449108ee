"""One running answer: deltas that can be waited for, iterated and closed, whatever has happened so far."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import Self, TypeVar

from starlette.types import Receive

from labkit.api.observation import Observation
from labkit.worker.messages import Delta

_Result = TypeVar("_Result")


class ClientGoneError(Exception):
    """The client closed its connection: there is nobody to answer."""


class Answer:
    """Deltas of a request, with the first one fetched ahead so that early errors can become a status code.

    An async generator that was never started skips its own clean-up when closed; this object does not.
    """

    def __init__(self, deltas: AsyncGenerator[list[Delta], None], observation: Observation) -> None:
        self._deltas = deltas
        self.observation = observation
        self._first: asyncio.Future[list[Delta]] | None = None

    async def wait_first(self, patience_seconds: float) -> None:
        """Return when the first delta is there, or after `patience_seconds`. Raises the request's early error."""
        self._first = asyncio.ensure_future(anext(self._deltas))
        await asyncio.wait([self._first], timeout=patience_seconds)
        if self._first.done():
            self._first.result()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Delta]:
        if self._first is None:
            deltas = await anext(self._deltas)
        else:
            deltas = await self._first
            self._first = None
        self.observation.see(deltas)
        return deltas

    async def aclose(self) -> None:
        """Cancel the request if it is not over."""
        if self._first is not None:
            self._first.cancel()
            await asyncio.wait([self._first])
            if not self._first.cancelled():
                self._first.exception()  # seen: asyncio need not complain about it
        await self._deltas.aclose()


async def wait_until_gone(receive: Receive) -> None:
    """Return when the client has closed its connection. Only after the body was read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_gone(receive: Receive, work: Awaitable[_Result]) -> _Result:
    """The result of `work`; it is cancelled, and ClientGoneError raised, when the client leaves before."""
    job = asyncio.ensure_future(work)
    gone = asyncio.create_task(wait_until_gone(receive))
    try:
        await asyncio.wait([job, gone], return_when=asyncio.FIRST_COMPLETED)
        if not job.done():
            raise ClientGoneError
        return job.result()
    finally:
        for task in (job, gone):
            task.cancel()
        await asyncio.gather(job, gone, return_exceptions=True)
