"""A backend without processes, for tests of what stands in front of one: its models are what the test says."""

import asyncio
from typing import Any

from labkit.api.backend import ModelCard, ModelHealth, ModelStats
from labkit.engine.types import Timings, Usage
from labkit.errors import LabkitError, ModelNotFoundError
from labkit.worker.messages import Complete, Delta, Embedded, Generate


class FrontBackend:
    """`states` by model name. A request is answered with one token, with `error`, or (`silent`) never."""

    def __init__(self, states: dict[str, str] | None = None, **cards: dict[str, Any]) -> None:
        self.states = {name: ModelHealth(state) for name, state in (states or {"tiny": "ready"}).items()}
        self.engines: dict[str, dict[str, Any]] = {}
        self.pids: dict[str, int] = {}
        self.loads: dict[str, tuple[int, int]] = {}
        self.cards = cards
        self.silent = False
        self.error: LabkitError | None = None
        self.asked: list[Any] = []
        self.closed = 0
        self.model_questions = 0

    def models(self):
        self.model_questions += 1
        facts = {"capabilities": ("chat", "completions"), "context_tokens": 4096}
        return tuple(ModelCard(name, 0, **(facts | self.cards.get(name, {}))) for name in self.states)

    def health(self):
        return dict(self.states)

    def stats(self):
        return {
            name: ModelStats(health, self.engines.get(name, {}), self.pids.get(name), *self.loads.get(name, ()))
            for name, health in self.states.items()
        }

    async def generate(self, model: str, request: Generate | Complete):
        self.asked.append(request)
        try:
            await self._come(model)
            yield [
                Delta(
                    request.request_id, "a", num_tokens=1, finish_reason="length",
                    usage=Usage(3, 1), timings=Timings(0.0, 0.01, 0.001),
                )
            ]  # fmt: skip
        finally:
            self.closed += 1

    async def embed(self, model: str, request):
        self.asked.append(request)
        await self._come(model)
        return [Embedded(request.request_id, (0,), (b"",), "stop", usage=Usage(1, 0), timings=Timings(0.0, 0.01, 0.0))]

    async def ask(self, model: str, question):
        raise NotImplementedError

    async def load(self, model: str, keep_alive_seconds: float | None = None) -> None:
        raise NotImplementedError

    async def unload(self, model: str) -> None:
        raise NotImplementedError

    async def _come(self, model: str) -> None:
        if model not in self.states:
            raise ModelNotFoundError(model)
        if self.error is not None:
            raise self.error
        if self.silent:
            await asyncio.Event().wait()
