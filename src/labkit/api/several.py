"""One request that holds several prompts: each is asked for by itself, and the answers become one."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence

import msgspec

from labkit.api.backend import ChatBackend
from labkit.engine.types import Timings, Usage
from labkit.worker.messages import Delta, Generation

SEQUENCES_AT_ONCE = 16
"""Of one request: enough to fill the slots and share beginnings, and room in the queue for others."""
_News = tuple[int, list[Delta]] | Exception


def generated(backend: ChatBackend, model: str, operations: Sequence[Generation]) -> AsyncGenerator[list[Delta], None]:
    """Deltas of all `operations` as those of one request: see ChatBackend.generate."""
    if len(operations) == 1:
        return backend.generate(model, operations[0])
    return _together(backend, model, operations)


async def _together(
    backend: ChatBackend, model: str, operations: Sequence[Generation]
) -> AsyncGenerator[list[Delta], None]:
    """Choice k of prompt i is choice i * n + k. Some prompts run at once, the others in turn."""
    news: asyncio.Queue[_News] = asyncio.Queue(maxsize=1)
    turns = asyncio.Semaphore(max(1, SEQUENCES_AT_ONCE // operations[0].num_choices))
    readers = [
        asyncio.create_task(_read(backend, model, operation, index, news, turns))
        for index, operation in enumerate(operations)
    ]
    answer = _Joined(operations)
    try:
        while answer.num_open:
            item = await news.get()
            if isinstance(item, Exception):
                raise item
            yield [answer.renumbered(item[0], delta) for delta in item[1]]
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _read(
    backend: ChatBackend,
    model: str,
    operation: Generation,
    index: int,
    news: asyncio.Queue[_News],
    turns: asyncio.Semaphore,
) -> None:
    async with turns:
        try:
            async with contextlib.aclosing(backend.generate(model, operation)) as deltas:
                async for piece in deltas:
                    await news.put((index, piece))
        except Exception as error:  # noqa: BLE001 - whatever it is, the request must end with it
            await news.put(error)


class _Joined:
    """Counts what is open, and sums what is over."""

    def __init__(self, operations: Sequence[Generation]) -> None:
        self._request_id = operations[0].request_id
        self._num_choices = operations[0].num_choices
        self.num_open = len(operations) * self._num_choices
        self._usages: list[Usage] = []
        self._timings: list[Timings] = []

    def renumbered(self, index: int, delta: Delta) -> Delta:
        """`delta` of prompt `index` as one of the whole request; the very last one has the sums."""
        usage = timings = None
        if delta.finish_reason is not None:
            self.num_open -= 1
            self._usages += [delta.usage] if delta.usage else []
            self._timings += [delta.timings] if delta.timings else []
            if not self.num_open:
                usage, timings = _summed_usage(self._usages), _summed_timings(self._timings)
        return msgspec.structs.replace(
            delta,
            request_id=self._request_id,
            choice=index * self._num_choices + delta.choice,
            num_open=self.num_open,
            usage=usage,
            timings=timings,
        )


def _summed_usage(usages: Sequence[Usage]) -> Usage:
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        cached_from=next((usage.cached_from for usage in usages if usage.cached_from), None),
        drafted_tokens=sum(usage.drafted_tokens for usage in usages),
        accepted_tokens=sum(usage.accepted_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
    )


def _summed_timings(timings: Sequence[Timings]) -> Timings:
    """Seconds of prompts that ran beside each other count for each: tokens by seconds is the rate of one."""
    return Timings(
        queue_seconds=sum(each.queue_seconds for each in timings),
        prefill_seconds=sum(each.prefill_seconds for each in timings),
        decode_seconds=sum(each.decode_seconds for each in timings),
    )
