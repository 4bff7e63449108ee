"""Every model of an endpoint, each in its own worker: the backend behind the routes."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator

from labkit.api.backend import ModelCard, ModelHealth, ModelStats
from labkit.catalog import nearest
from labkit.errors import LabkitError, ModelNotFoundError, NotReadyError
from labkit.serving.plan import EndpointPlan
from labkit.serving.supervisor import Supervisor
from labkit.worker.messages import Delta, Embed, Embedded, Generation, Question, Reply, Rerank


class WorkerPool:
    """Implements `labkit.api.ChatBackend`. Used from one event loop."""

    def __init__(self, plan: EndpointPlan) -> None:
        self._cards = {model.ref.name: model.card() for model in plan.models}
        self._supervisors = {model.ref.name: Supervisor(plan.worker(model)) for model in plan.models}
        self._aliases = {alias: model.ref.name for model in plan.models for alias in model.aliases}
        self._draining = False

    async def start(self) -> None:
        """Load every model. Raises the first failure; the caller stops the pool then."""
        loads = [asyncio.create_task(supervisor.start()) for supervisor in self._supervisors.values()]
        try:
            await asyncio.gather(*loads)
        finally:
            for load in loads:
                load.cancel()
            await asyncio.gather(*loads, return_exceptions=True)

    def models(self) -> tuple[ModelCard, ...]:
        """Cards, completed with what the workers said when they were ready."""
        return tuple(_completed(card, self._supervisors[name]) for name, card in self._cards.items())

    def health(self) -> dict[str, ModelHealth]:
        """State of each worker; all are "stopped" for clients while the endpoint drains."""
        states = {name: supervisor.health() for name, supervisor in self._supervisors.items()}
        if not self._draining:
            return states
        return {
            name: dataclasses.replace(health, state="stopped", reason="the endpoint is stopping")
            for name, health in states.items()
        }

    def stats(self) -> dict[str, ModelStats]:
        """Figures of each worker."""
        return {name: supervisor.stats() for name, supervisor in self._supervisors.items()}

    def generate(self, model: str, request: Generation) -> AsyncGenerator[list[Delta], None]:
        """See ChatBackend. Raises ModelNotFoundError, and NotReadyError while the endpoint stops."""
        return self._find(model).generate(request)

    async def embed(self, model: str, request: Embed | Rerank) -> list[Embedded]:
        """See ChatBackend. Raises ModelNotFoundError, and NotReadyError while the endpoint stops."""
        return await self._find(model).embed(request)

    async def ask(self, model: str, question: Question) -> Reply:
        """See ChatBackend. Raises ModelNotFoundError, and NotReadyError while the endpoint stops."""
        return await self._find(model).ask(question)

    async def load(self, model: str, keep_alive_seconds: float | None = None) -> None:
        """See ChatBackend."""
        self._find(model)

    async def unload(self, model: str) -> None:
        """See ChatBackend."""
        self._find(model)

    def _find(self, model: str) -> Supervisor:
        supervisor = self._supervisors.get(self._aliases.get(model, model))
        if supervisor is None:
            near = nearest(model, self._supervisors)
            hint = "" if near else f"served here: {', '.join(self._supervisors)}"
            raise ModelNotFoundError(model, near, hint=hint)
        if self._draining:
            raise NotReadyError("the endpoint is stopping")
        return supervisor

    @property
    def num_running(self) -> int:
        """Requests that are not over, of all models."""
        return sum(supervisor.num_running for supervisor in self._supervisors.values())

    def worker_pids(self) -> dict[str, int | None]:
        """Process ids of the workers that live now, by model."""
        return {name: supervisor.pid for name, supervisor in self._supervisors.items()}

    def drain(self) -> None:
        """Take no new request; running ones go on."""
        self._draining = True

    def end_all(self, error: LabkitError) -> None:
        """End every running request with `error`, now."""
        for supervisor in self._supervisors.values():
            supervisor.end_all(error)

    async def stop(self) -> None:
        """Stop every worker. Returns when no process is left."""
        await asyncio.gather(*(supervisor.stop() for supervisor in self._supervisors.values()))

    def kill(self) -> None:
        """Kill every worker now. Does not block."""
        for supervisor in self._supervisors.values():
            supervisor.kill()


def _completed(card: ModelCard, supervisor: Supervisor) -> ModelCard:
    ready = supervisor.ready
    if ready is None:
        return card
    return dataclasses.replace(
        card,
        context_tokens=ready.context_tokens,
        trained_context_tokens=ready.trained_context_tokens,
        num_parameters=ready.num_parameters,
        num_slots=ready.num_slots,
        num_threads=supervisor.num_threads,
        size_bytes=ready.model_bytes,
        description=ready.description,
        capabilities=ready.capabilities,
        vector_size=ready.vector_size,
    )
