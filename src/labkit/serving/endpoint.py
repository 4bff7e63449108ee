"""A running endpoint, from the bound port to the last worker's end."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence

from labkit.api import ModelCard, create_app
from labkit.api.observation import Observer
from labkit.errors import NotReadyError
from labkit.serving.access import Access, open_access
from labkit.serving.census import Census
from labkit.serving.control import ControlMiddleware
from labkit.serving.http_server import make_server
from labkit.serving.listener import open_listener, url_of
from labkit.serving.observing import observers
from labkit.serving.plan import EndpointPlan
from labkit.serving.worker_pool import WorkerPool

AFTER_DRAIN_SECONDS = 5.0


class Endpoint:
    """What `open_endpoint` yields: where it is, what it serves, how to make it stop sooner."""

    def __init__(self, url: str, pool: WorkerPool) -> None:
        self.url = url
        self.control_token = secrets.token_urlsafe(32)
        self._pool = pool
        self._hurry = asyncio.Event()

    @property
    def models(self) -> tuple[ModelCard, ...]:
        """What it serves."""
        return self._pool.models()

    @property
    def num_running(self) -> int:
        """Requests that are not over."""
        return self._pool.num_running

    def worker_pids(self) -> dict[str, int | None]:
        """Process ids of the workers that live now, by model."""
        return self._pool.worker_pids()

    def drain(self) -> None:
        """Refuse new requests from now on; leaving the context waits for the running ones."""
        self._pool.drain()

    def hurry(self) -> None:
        """Do not wait for running requests: they end with an error now."""
        self._hurry.set()

    async def wait_idle(self, seconds: float) -> None:
        """Return when no request runs, after `seconds`, or when told to hurry."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.num_running and not self._hurry.is_set():  # noqa: ASYNC110  # once, at the end
                    await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def open_endpoint(
    plan: EndpointPlan, on_bound: Callable[[], None] = lambda: None
) -> AsyncGenerator[Endpoint, None]:
    """An endpoint whose models are loaded, those that stay. Leaving the context drains it; nothing is left then.

    `on_bound` is called when the address is ours and loading starts; /health says 503 until it is done.
    Raises PortInUseError, RefusedError, and what a load raises.
    """
    pool = WorkerPool(plan)
    with open_access(plan.access, plan.host) as access, observers(plan.observing, pool) as told:
        async with _open_with(pool, access, told, plan, on_bound) as endpoint:
            yield endpoint


@contextlib.asynccontextmanager
async def _open_with(
    pool: WorkerPool, access: Access, told: Sequence[Observer], plan: EndpointPlan, on_bound: Callable[[], None]
) -> AsyncGenerator[Endpoint, None]:
    listener = open_listener(plan.host, plan.port)
    on_bound()
    endpoint = Endpoint(url_of(listener), pool)
    app = create_app(
        pool,
        access.limits,
        (*access.observers, *told),
        explain_prompts=plan.observing.explain_prompts,
        gate=access.gate,
    )
    census = Census(plan.access.max_connections, plan.access.max_connections_per_address)
    server = make_server(ControlMiddleware(app, pool, endpoint.control_token), census)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await pool.start()
        yield endpoint
        pool.drain()
        await endpoint.wait_idle(plan.drain_seconds)
    finally:
        pool.drain()
        pool.end_all(NotReadyError("the endpoint is stopping", hint="send the request again when it is back"))
        try:
            server.should_exit = True
            await asyncio.wait([serving], timeout=AFTER_DRAIN_SECONDS)
            server.force_exit = True
            await pool.stop()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        finally:
            pool.kill()
            listener.close()
