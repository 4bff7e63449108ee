"""Every model of an endpoint, each in its own worker while it is loaded: the backend behind the routes."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncGenerator, Iterable

import msgspec

from labkit.api.backend import ModelCard, ModelHealth, ModelStats
from labkit.engine.types import AdapterUse
from labkit.errors import LabkitError, NotReadyError
from labkit.serving.directory import Directory, Place, unknown_adapter
from labkit.serving.loads import Loads
from labkit.serving.memory_budget import MemoryBudget
from labkit.serving.model_host import ModelHost
from labkit.serving.plan import EndpointPlan, ServedModel
from labkit.serving.residency import Resident
from labkit.serving.shelf import Shelf
from labkit.worker.messages import Delta, Embed, Embedded, Generation, Question, Reply, Rerank

LOOK_SECONDS = 2.0
_logger = logging.getLogger("labkit.serving")


class WorkerPool:
    """Implements `labkit.api.ChatBackend`. Used from one event loop."""

    def __init__(self, plan: EndpointPlan) -> None:
        self._plan = plan
        self._models: tuple[ServedModel, ...] = ()
        self._hosts: dict[str, ModelHost] = {}
        self._directory = Directory((), {})
        self._budget = MemoryBudget(plan.memory_limit_bytes, plan.settings)
        self._loads = Loads(plan, self._budget, lambda: tuple(self._hosts.values()))
        self._shelf = Shelf(plan)
        self._looking: asyncio.Task[None] | None = None
        self._scanning = asyncio.Lock()  # the shelf is read by one thread at a time
        self._stamp: tuple[object, ...] | None = None
        self._draining = False
        self._take(plan.models)

    async def start(self) -> None:
        """Load what stays. Raises the first failure; the caller stops the pool then."""
        if self._plan.whole_store:
            await self._rescan()
            self._looking = asyncio.create_task(self._look())
        staying = [host for host in self._hosts.values() if host.model.stays]
        loads = [asyncio.create_task(self.load(host.name)) for host in staying]
        try:
            await asyncio.gather(*loads)
        finally:
            for load in loads:
                load.cancel()
            await asyncio.gather(*loads, return_exceptions=True)

    def models(self) -> tuple[ModelCard, ...]:
        """Cards, completed with what the workers said when they were loaded; after each model its adapters."""
        aliases: dict[str, list[str]] = {}
        for alias, name in self._plan.aliases.items():
            if (place := self._directory.find(name)) is not None:
                aliases.setdefault(place.adapter or place.model, []).append(alias)
        cards = [card for host in self._hosts.values() for card in host.cards()]
        return tuple(
            dataclasses.replace(card, aliases=(*card.aliases, *aliases[card.name])) if card.name in aliases else card
            for card in cards
        )

    def health(self) -> dict[str, ModelHealth]:
        """State of each model; all are "stopped" for clients while the endpoint drains."""
        now = asyncio.get_running_loop().time()
        states = {name: host.health(now) for name, host in self._hosts.items()}
        if not self._draining:
            return states
        return {
            name: dataclasses.replace(health, state="stopped", reason="the endpoint is stopping")
            for name, health in states.items()
        }

    def stats(self) -> dict[str, ModelStats]:
        """Figures of each model's worker."""
        now = asyncio.get_running_loop().time()
        return {name: host.stats(now) for name, host in self._hosts.items()}

    async def generate(self, model: str, request: Generation) -> AsyncGenerator[list[Delta], None]:
        """See ChatBackend. Loads the model first. Raises ModelNotFoundError, and NotReadyError while stopping."""
        host, place = await self._find(model)
        request = _adapted(request, host, place)
        async with (
            self._loads.using(host, request.request_id) as worker,
            contextlib.aclosing(worker.generate(request)) as answer,
        ):
            async for news in answer:
                yield news

    async def embed(self, model: str, request: Embed | Rerank) -> list[Embedded]:
        """See ChatBackend. Loads the model first. Raises ModelNotFoundError, and NotReadyError while stopping."""
        host, _ = await self._find(model)
        async with self._loads.using(host, request.request_id) as worker:
            return await worker.embed(request)

    async def ask(self, model: str, question: Question) -> Reply:
        """See ChatBackend. Loads the model first. Raises ModelNotFoundError, and NotReadyError while stopping."""
        host, _ = await self._find(model)
        async with self._loads.using(host) as worker:
            return await worker.ask(question)

    async def load(self, model: str, keep_alive_seconds: float | None = None) -> None:
        """See ChatBackend."""
        host, _ = await self._find(model)
        if keep_alive_seconds is not None:
            self._loads.keep(host, keep_alive_seconds)
        async with self._loads.using(host):
            pass

    async def unload(self, model: str) -> None:
        """See ChatBackend."""
        host, _ = await self._find(model)
        await self._loads.unload(host)

    @property
    def num_running(self) -> int:
        """Requests that are not over, of all models; those that wait for a load are among them."""
        return sum(host.num_users for host in self._hosts.values())

    def residents(self) -> list[Resident]:
        """Models that take memory, with how much."""
        return self._loads.residents()

    def worker_pids(self) -> dict[str, int | None]:
        """Process ids of the workers that live now, by model."""
        return {name: host.supervisor.pid if host.supervisor else None for name, host in self._hosts.items()}

    def drain(self) -> None:
        """Take no new request; running ones go on."""
        self._draining = True

    def end_all(self, error: LabkitError) -> None:
        """End every running request with `error`, now."""
        self._loads.end_waiting(error)
        for host in self._hosts.values():
            if host.supervisor:
                host.supervisor.end_all(error)

    async def stop(self) -> None:
        """Stop every worker. Returns when no process is left."""
        if self._looking:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._loads.stop()

    def kill(self) -> None:
        """Kill every worker now. Does not block."""
        for host in self._hosts.values():
            if host.supervisor:
                host.supervisor.kill()

    async def _find(self, name: str) -> tuple[ModelHost, Place]:
        place = self._directory.find(name)
        if place is None and self._looking is not None:
            await self._rescan()  # it may have been pulled a moment ago
        place = place or self._directory.get(name)
        if self._draining:
            raise NotReadyError("the endpoint is stopping")
        return self._hosts[place.model], place

    def _take(self, models: Iterable[ServedModel]) -> None:
        """From now on these are the models that can be asked for; one that is loaded can be until it leaves."""
        self._models = tuple(models)
        hosts: dict[str, ModelHost] = {}
        for model in self._models:
            host = self._hosts.get(model.ref.name)
            if host is None:
                host = ModelHost(model, self._plan)
            elif not host.is_in_use and host.model is not model:
                host.model = model
            hosts[host.name] = host
        self._hosts = hosts | {name: host for name, host in self._hosts.items() if name not in hosts and host.is_in_use}
        self._directory = Directory((host.model for host in self._hosts.values()), self._plan.aliases)

    async def _rescan(self) -> None:
        """List the models of this machine again, where something has changed."""
        async with self._scanning:
            stamp = await asyncio.to_thread(self._shelf.stamp)
            if stamp != self._stamp:
                self._take(await asyncio.to_thread(self._shelf.models))
                self._stamp = stamp

    async def _look(self) -> None:
        """Notice models that come and go."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._rescan()
                if len(self._hosts) > len(self._models):  # one whose file is gone, which may have left since
                    self._take(self._models)
            except Exception:
                _logger.exception("the models of this machine could not be listed")


def _adapted(request: Generation, host: ModelHost, place: Place) -> Generation:
    """With the adapter that was asked for as a model. Raises ModelNotFoundError for adapters that are not there."""
    for use in request.adapters:
        if use.name not in host.adapters:
            raise unknown_adapter(use.name, host.name, host.adapters)
    if place.adapter is None or any(use.name == place.adapter for use in request.adapters):
        return request
    return msgspec.structs.replace(request, adapters=(*request.adapters, AdapterUse(place.adapter)))
