"""Whether a token would come: one was decoded lately, or one is decoded now, as a probe."""

import asyncio
from dataclasses import dataclass
from time import monotonic

from labkit.api.backend import PROBE_ID_PREFIX, ChatBackend, ModelHealth
from labkit.api.identifiers import new_id
from labkit.api.observation import Observation
from labkit.api.observers.model_names import ModelNames
from labkit.errors import LabkitError
from labkit.worker.messages import Capability, Complete, Embed, Generate, Generation, Rerank

TOKEN_SECONDS = 30.0
PROBE_SECONDS = 5.0
REST_SECONDS = 5.0
STUCK_SECONDS = 30.0
_PROBE_TEXT = "a"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Of one model. `reason` says what was found, in words; `age_seconds` is that of the last sign of it."""

    ready: bool
    reason: str
    age_seconds: float = 0.0


class ReadinessProbe:
    """An observer of tokens, and who asks for one where none came lately. Used from one event loop.

    A model is asked for one token when nothing else tells how it is, by one probe at a time and at most every 5 s; what
    it said counts meanwhile. A model that is not loaded is never woken. A busy one is never asked: it is ready as long
    as its engine makes steps, however long its queue is.
    """

    def __init__(self, backend: ChatBackend, *, probe_seconds: float = PROBE_SECONDS) -> None:
        self._backend = backend
        self._probe_seconds = probe_seconds
        self._names = ModelNames(backend)
        self._last_token: dict[str, float] = {}
        self._probed: dict[str, tuple[float, Readiness]] = {}
        self._probes: dict[str, asyncio.Task[Readiness]] = {}

    def started(self, observation: Observation) -> None:
        """See Observer."""

    def ended(self, observation: Observation) -> None:
        """See Observer."""
        if observation.last_token is not None and (model := self._names.of(observation.model)) is not None:
            self._last_token[model] = observation.last_token

    async def of_models(self) -> dict[str, Readiness]:
        """Every model's, by name. Takes 5 s at most."""
        health = self._backend.health()
        found = await asyncio.gather(*(self._of(name, one) for name, one in health.items()))
        return dict(zip(health, found, strict=True))

    async def _of(self, model: str, health: ModelHealth) -> Readiness:
        if health.state == "unloaded":
            return Readiness(True, "not loaded: the first request loads it")
        if health.state != "ready":
            return Readiness(False, f"{health.state}: {health.reason}" if health.reason else health.state)
        if health.num_running:
            return _of_busy(health.last_step_age_seconds or 0.0)
        age = monotonic() - self._last_token.get(model, float("-inf"))
        if age <= TOKEN_SECONDS:
            return Readiness(True, "a token was decoded lately", age)
        return await self._probe(model)

    async def _probe(self, model: str) -> Readiness:
        when, said = self._probed.get(model, (float("-inf"), None))
        if said is not None and monotonic() - when < REST_SECONDS:
            return Readiness(said.ready, said.reason, monotonic() - when)
        running = self._probes.get(model)
        if running is None or running.done():
            running = self._probes[model] = asyncio.create_task(self._ask(model))
        return await asyncio.shield(running)  # who asked may leave; the others still wait

    async def _ask(self, model: str) -> Readiness:
        try:
            async with asyncio.timeout(self._probe_seconds):
                await self._one_token(model)
            found = Readiness(True, "a probe was answered")
        except TimeoutError:
            found = Readiness(False, f"a probe had no answer within {self._probe_seconds:g} s")
        except LabkitError as error:
            found = Readiness(False, f"a probe failed: {error.message[:200]}")
        self._probed[model] = (monotonic(), found)
        return found

    async def _one_token(self, model: str) -> None:
        capabilities = next((card.capabilities for card in self._backend.models() if card.name == model), ())
        request_id = new_id(PROBE_ID_PREFIX)
        if (generation := _generation(request_id, capabilities)) is not None:
            deltas = self._backend.generate(model, generation)
            try:
                async for _ in deltas:
                    pass
            finally:
                await deltas.aclose()
        elif "embeddings" in capabilities:
            await self._backend.embed(model, Embed(request_id, (_PROBE_TEXT,)))
        else:
            await self._backend.embed(model, Rerank(request_id, _PROBE_TEXT, (_PROBE_TEXT,)))


def _of_busy(age: float) -> Readiness:
    if age <= STUCK_SECONDS:
        return Readiness(True, "busy, and making steps", age)
    return Readiness(False, f"busy, and without a step for {age:.0f} s", age)


def _generation(request_id: str, capabilities: tuple[Capability, ...]) -> Generation | None:
    """One token, of which nothing is kept; None where the model writes no text."""
    if "completions" in capabilities:
        return Complete(request_id=request_id, prompt=_PROBE_TEXT, max_tokens=1, lane="interactive", reuse=False)
    if "chat" in capabilities:
        messages = ({"role": "user", "content": _PROBE_TEXT},)
        return Generate(request_id=request_id, messages=messages, max_tokens=1, lane="interactive", reuse=False)
    return None
