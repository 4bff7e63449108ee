import asyncio
import contextlib

import pytest

from labkit.api.several import SEQUENCES_AT_ONCE, generated
from labkit.engine.types import Timings, Usage
from labkit.errors import QueueFullError
from labkit.worker.messages import Complete, Delta


class Writer:
    """A backend that says each prompt back; it counts what runs at once."""

    def __init__(self, fails_at=None):
        self.running = self.most = 0
        self.fails_at = fails_at

    async def generate(self, model, request):
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if request.prompt == self.fails_at:
                raise QueueFullError("full", retry_after_seconds=1)
            for k in range(request.num_choices):
                await asyncio.sleep(0)
                yield [Delta(request.request_id, request.prompt, choice=k, num_open=request.num_choices - k)]
                num_open = request.num_choices - k - 1
                last = {} if num_open else {"usage": Usage(2, 3, 1), "timings": Timings(0.0, 1.0, 2.0)}
                yield [Delta(request.request_id, finish_reason="stop", choice=k, num_open=num_open, **last)]
        finally:
            self.running -= 1


def operations(*prompts, n=1):
    return [Complete(request_id=f"r{index}", prompt=prompt, num_choices=n) for index, prompt in enumerate(prompts)]


async def collect(backend, asked):
    return [delta async for news in generated(backend, "m", asked) for delta in news]


def test_one_prompt_is_passed_on_as_it_is():
    asked = operations("a")
    deltas = asyncio.run(collect(Writer(), asked))
    assert [delta.content for delta in deltas] == ["a", ""]
    assert deltas[-1].usage == Usage(2, 3, 1)


def test_choices_are_numbered_through_and_end_once():
    deltas = asyncio.run(collect(Writer(), operations("a", "b", "c", n=2)))
    assert {delta.choice: delta.content for delta in deltas if delta.content} == {
        0: "a", 1: "a", 2: "b", 3: "b", 4: "c", 5: "c",
    }  # fmt: skip
    assert {delta.request_id for delta in deltas} == {"r0"}
    assert [delta.is_last for delta in deltas].count(True) == 1
    assert deltas[-1].is_last
    assert deltas[-1].usage == Usage(6, 9, 3)
    assert deltas[-1].timings == Timings(0.0, 3.0, 6.0)
    assert [delta.usage for delta in deltas[:-1]] == [None] * (len(deltas) - 1)


def test_many_prompts_take_turns():
    backend = Writer()
    deltas = asyncio.run(collect(backend, operations(*map(str, range(50)), n=2)))
    assert len({delta.choice for delta in deltas}) == 100
    assert backend.most == SEQUENCES_AT_ONCE // 2


def test_an_error_of_one_ends_all():
    backend = Writer(fails_at="7")
    with pytest.raises(QueueFullError):
        asyncio.run(collect(backend, operations(*map(str, range(50)))))
    assert backend.running == 0


def test_closing_it_closes_what_runs():
    async def leave(backend):
        async with contextlib.aclosing(generated(backend, "m", operations("a", "b", n=5))) as deltas:
            await anext(deltas)

    backend = Writer()
    asyncio.run(leave(backend))
    assert backend.running == 0
