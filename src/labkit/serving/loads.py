"""Loads and unloads models as residency decides. All state belongs to one event loop: no locks.

Everyone who wants a model waits for one task that brings it: sizes it, waits for room, starts its worker. Whoever
leaves meanwhile does not disturb the others; a load that has begun is finished even if nobody waits any more.
"""

import asyncio
import contextlib
import dataclasses
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any

from labkit.api.backend import PROBE_ID_PREFIX
from labkit.engine.types import EngineConfig
from labkit.errors import InvalidModelFileError, LabkitError, NotReadyError, QueueFullError
from labkit.gguf import FileFacts, file_facts, validate
from labkit.serving.fit import estimate, too_large
from labkit.serving.load_breaker import identity_of
from labkit.serving.memory_budget import MemoryBudget
from labkit.serving.model_host import ModelHost
from labkit.serving.plan import EndpointPlan, ServedModel
from labkit.serving.residency import Resident, decide, expired, largest_possible, next_expiry
from labkit.serving.supervisor import Supervisor

RETRY_AFTER_SECONDS = 5
_NATIVE = "native sizing"
_logger = logging.getLogger("labkit.serving")


class Loads:
    """The models of one endpoint that are in memory, on their way there, or wanted."""

    def __init__(self, plan: EndpointPlan, budget: MemoryBudget, hosts: Callable[[], Iterable[ModelHost]]) -> None:
        """`hosts` gives every model that can be asked for."""
        self._plan = plan
        self._budget = budget
        self._hosts = hosts
        self._wanted: list[ModelHost] = []
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._stopped = False

    @contextlib.asynccontextmanager
    async def using(self, host: ModelHost, request_id: str = "") -> AsyncGenerator[Supervisor, None]:
        """The worker of a model, which is loaded first where it must be, and not unloaded inside the block.

        A probe is no use of it: it does not put off the time at which the model leaves.

        Raises QueueFullError when too many wait for it, NotReadyError when it had to wait too long for memory,
        InsufficientMemoryError when it never fits, and what loading raises.
        """
        host.num_users += 1
        try:
            ready = host.supervisor if host.state == "loaded" else None
            yield ready or await self._brought(host)
        finally:
            host.num_users -= 1
            if not request_id.startswith(PROBE_ID_PREFIX):
                host.last_used = _now()
            if not host.num_users:
                self._on_idle(host)

    async def unload(self, host: ModelHost) -> None:
        """Unload it, when its requests are over. Returns when it is gone, or at once while it is in use."""
        if host.state in ("loaded", "loading", "wanted"):
            host.leaves_when_idle = True
            self._replan()
        if host.leaving is not None:
            await asyncio.wait([host.leaving])

    def keep(self, host: ModelHost, seconds: float) -> None:
        """How long it stays without a request from now on."""
        host.keep_alive_seconds = seconds
        self._schedule()

    def residents(self) -> list[Resident]:
        """Models that take memory."""
        return [resident for host in self._hosts() if (resident := host.resident()) is not None]

    def end_waiting(self, error: LabkitError) -> None:
        """Whoever waits for memory gets `error`."""
        for host in self._wanted:
            if host.room and not host.room.done():
                host.room.set_exception(error)

    async def stop(self) -> None:
        """Load nothing more, and stop every worker. Returns when no process is left."""
        self._stopped = True
        if self._timer:
            self._timer.cancel()
        hosts = list(self._hosts())
        await asyncio.gather(*(host.supervisor.stop() for host in hosts if host.supervisor))
        tasks: list[asyncio.Task[Any]] = [task for host in hosts for task in (host.bringing, host.leaving) if task]
        tasks += [self._looking] if self._looking else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _brought(self, host: ModelHost) -> Supervisor:
        """Wait for a model to be loaded."""
        while host.bringing is not None and host.bringing.cancelling():  # nobody wanted it any more
            await asyncio.wait([host.bringing])
        if host.state == "loaded" and host.supervisor:
            return host.supervisor
        self._check(host)
        if host.bringing is None:
            host.bringing = asyncio.create_task(self._bring(host))
            host.bringing.add_done_callback(_seen)
        bringing = host.bringing
        host.num_waiting += 1
        try:
            return await asyncio.shield(bringing)
        except asyncio.CancelledError:
            if self._stopped:
                raise NotReadyError("the endpoint is stopping") from None
            raise
        finally:
            host.num_waiting -= 1
            if not host.num_waiting and host.state in ("unloaded", "wanted"):
                bringing.cancel()

    def _check(self, host: ModelHost) -> None:
        """Raise what speaks against waiting for a model."""
        if self._stopped:
            raise NotReadyError("the endpoint is stopping")
        most = (host.model.engine or self._plan.engine).max_waiting
        if host.num_waiting >= most > 0:
            message = f"{most} requests wait for '{host.name}' to be loaded"
            raise QueueFullError(message, retry_after_seconds=RETRY_AFTER_SECONDS)
        objection = host.breaker.objection(identity_of(host.model.ref.path), _now())
        if objection is None:
            return
        error, wait = objection.error, objection.retry_after_seconds
        when = "it is not tried again until its file changes" if wait is None else "the last try has just failed"
        raise NotReadyError(
            f"'{host.name}' cannot be loaded, and {when}: {error.message}",
            hint=error.hint or "see: labkit logs",
            retry_after_seconds=None if wait is None else math.ceil(wait),
        )

    async def _bring(self, host: ModelHost) -> Supervisor:
        try:
            if host.leaving is not None:
                await asyncio.wait([host.leaving])
            await self._size(host)
            await self._wait_for_room(host)
            return await self._load(host)
        except LabkitError as error:
            host.error = error
            raise
        finally:
            host.bringing = None
            self._replan()

    async def _size(self, host: ModelHost) -> None:
        """Know what it takes, and read its file again where that is another one now."""
        model = host.model
        if identity_of(model.ref.path) != host.identity:
            model = dataclasses.replace(model, estimate=None, facts=await asyncio.to_thread(_facts, model))
        if model.estimate is None:
            model = await asyncio.to_thread(_sized, model, self._plan.engine)
        if model is not host.model:
            host.model = model

    async def _wait_for_room(self, host: ModelHost) -> None:
        while await self._answer(host) == "refuse":
            if not await asyncio.to_thread(self._look_closer, host):
                residents = self.residents()
                most = largest_possible(residents, self._bytes_beside(residents) or 0)
                staying = [resident.name for resident in residents if resident.stays]
                raise too_large(host.model, self._plan.engine, most, staying)

    async def _answer(self, host: ModelHost) -> str:
        host.room = asyncio.get_running_loop().create_future()
        host.state = "wanted"
        self._wanted.append(host)
        self._replan()
        answer = ""
        try:
            async with asyncio.timeout(self._plan.room_seconds):
                answer = await host.room
            return answer
        except TimeoutError:
            used = ", ".join(resident.name for resident in self.residents() if resident.is_used)
            raise NotReadyError(
                f"there is no memory for '{host.name}' while other models are in use ({used})",
                hint=f"try again in {RETRY_AFTER_SECONDS} s",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            ) from None
        finally:
            if host in self._wanted:
                self._wanted.remove(host)
            if answer != "load":
                host.state = "unloaded"

    def _look_closer(self, host: ModelHost) -> bool:
        """Before a refusal: count accelerators, then ask the native core for its size. Blocks. False when done."""
        if not self._budget.is_whole:
            self._budget.look_further()
            return True
        known = host.model.estimate
        if known is not None and known.trust == _NATIVE:
            return False
        try:
            exact = estimate(host.model, self._plan.engine, natively=True)
        except LabkitError:  # it cannot be sized; loading it would say why
            return False
        if exact.trust != _NATIVE or exact.memory is None:
            return False
        host.model = dataclasses.replace(host.model, estimate=exact)
        return True

    async def _load(self, host: ModelHost) -> Supervisor:
        supervisor = host.supervisor = Supervisor(self._plan.worker(host.model))
        host.error = None
        try:
            host.ready = await supervisor.start()
            host.state, host.loaded_at, host.last_used = "loaded", time.time(), _now()
            host.num_loads += 1
            host.breaker.forget()
            return supervisor
        except LabkitError as error:
            if not self._stopped:
                host.breaker.failed(host.identity, error, _now(), crashed=supervisor.died_loading)
                _logger.error("%s could not be loaded: %s", host.name, error.message)
            raise
        finally:
            if host.state != "loaded":
                await supervisor.stop()
                host.supervisor, host.state = None, "unloaded"

    def _on_idle(self, host: ModelHost) -> None:
        if self._wanted or host.leaves_when_idle:
            self._replan()
        elif self._timer is None:
            self._schedule()

    def _replan(self) -> None:
        """Do what can be done now. Called whenever something has changed."""
        if self._stopped:
            return
        for host in self._hosts():
            if host.leaves_when_idle and host.state == "loaded" and not host.num_users:
                self._leave(host)
        if self._wanted:
            self._make_room()
        self._schedule()

    def _make_room(self) -> None:
        residents = self.residents()
        decision = decide([host.wanted() for host in self._wanted], residents, self._bytes_beside(residents))
        hosts = {host.name: host for host in self._hosts()}
        for name in decision.load:
            hosts[name].state = "loading"  # its memory is spoken for from here on
            self._tell(hosts[name], "load")
        for name in decision.refuse:
            self._tell(hosts[name], "refuse")
        if decision.wait and not self._budget.is_whole:
            self._look_further()
            return
        for name in decision.unload:
            _logger.info("%s is unloaded to make room", name)
            hosts[name].num_evictions += 1
            self._leave(hosts[name])

    def _tell(self, host: ModelHost, answer: str) -> None:
        self._wanted.remove(host)
        if host.room and not host.room.done():
            host.room.set_result(answer)  # type: ignore[arg-type]

    def _look_further(self) -> None:
        """Count accelerators before a model is unloaded for want of memory."""
        if self._looking is None:
            self._looking = asyncio.create_task(asyncio.to_thread(self._budget.look_further))
            self._looking.add_done_callback(self._on_looked)

    def _on_looked(self, looking: asyncio.Task[None]) -> None:
        if not looking.cancelled() and (error := looking.exception()) is not None:
            _logger.error("accelerators could not be looked for", exc_info=error)
        self._replan()

    def _bytes_beside(self, residents: list[Resident]) -> int | None:
        return self._budget.bytes_beside(sum(resident.memory_bytes for resident in residents))

    def _leave(self, host: ModelHost) -> None:
        host.state, host.leaves_when_idle = "leaving", False
        host.leaving = asyncio.create_task(self._unload(host))

    async def _unload(self, host: ModelHost) -> None:
        try:
            if host.supervisor:
                await host.supervisor.stop()
        finally:
            host.supervisor, host.state, host.leaving, host.loaded_at = None, "unloaded", None, None
            self._replan()

    def _schedule(self) -> None:
        """Look again when the next model expires."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        when = next_expiry(self.residents())
        if not math.isinf(when) and not self._stopped:
            self._timer = asyncio.get_running_loop().call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        names = expired(self.residents(), _now())
        for host in self._hosts():
            if host.name in names:
                _logger.info("%s is unloaded: nobody asked for it", host.name)
                host.num_evictions += 1
                self._leave(host)
        self._schedule()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _sized(model: ServedModel, engine: EngineConfig) -> ServedModel:
    return dataclasses.replace(model, estimate=estimate(model, engine))


def _facts(model: ServedModel) -> FileFacts:
    path = model.ref.path
    try:
        return file_facts(validate(path))
    except InvalidModelFileError as error:  # clients need not know where it lay
        raise InvalidModelFileError(error.message.replace(str(path), path.name), hint=error.hint) from None


def _seen(task: asyncio.Task[Supervisor]) -> None:
    """Whoever waited was told; asyncio need not complain that nobody was left."""
    if not task.cancelled():
        task.exception()
