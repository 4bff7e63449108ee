"""`labkit serve`: from names to a running endpoint that stops on a signal."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from labkit.api import ModelCard
from labkit.serving.endpoint import Endpoint, open_endpoint
from labkit.serving.event_loop import run_loop
from labkit.serving.instances import instance_of, recorded, run_folder
from labkit.serving.listener import is_loopback
from labkit.serving.logs import FRONT_LOG, logging_to
from labkit.serving.plan import EndpointPlan, ServedModel


@dataclass(frozen=True, slots=True)
class Loading:
    """The address is ours, the models that stay are being loaded."""

    models: tuple[ServedModel, ...]


@dataclass(frozen=True, slots=True)
class Serving:
    """Requests are answered.

    Attributes:
        needs_key: each request must come with an API key.
        is_open: other machines reach it.
    """

    url: str
    models: tuple[ModelCard, ...]
    load_seconds: float
    needs_key: bool = False
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Draining:
    """No new requests are taken; `num_running` may still end."""

    num_running: int


ServeEvent = Loading | Serving | Draining


def serve(plan: EndpointPlan, on_event: Callable[[ServeEvent], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; returns when nothing of the endpoint is left.

    The first signal drains, the second stops at once; while models load, the first one does.
    Raises KeyboardInterrupt for the latter, and what `open_endpoint` raises.
    """
    try:
        with logging_to(plan.logs_folder / FRONT_LOG, plan.observing.log_format):
            run_loop(_serve(plan, on_event))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _serve(plan: EndpointPlan, on_event: Callable[[ServeEvent], None]) -> None:
    stopper = _Stopper()
    with _signals_go_to(stopper.on_signal):
        started = time.monotonic()
        staying = tuple(model for model in plan.models if model.stays)
        async with open_endpoint(plan, lambda: on_event(Loading(staying))) as endpoint:
            stopper.endpoint = endpoint
            with _record(plan, endpoint):
                is_open = not is_loopback(plan.host)
                needs_key = plan.access.require_key or is_open
                seconds = time.monotonic() - started
                on_event(Serving(endpoint.url, endpoint.models, seconds, needs_key=needs_key, is_open=is_open))
                await stopper.stop.wait()
            endpoint.drain()
            on_event(Draining(endpoint.num_running))


def _record(plan: EndpointPlan, endpoint: Endpoint) -> contextlib.AbstractContextManager[None]:
    """Lets `labkit ps` and `labkit stop` find it, where there is a place for that."""
    if plan.settings is None:
        return contextlib.nullcontext()
    names = tuple(card.name for card in endpoint.models)
    return recorded(instance_of(endpoint.url, names, endpoint.control_token), run_folder(plan.settings))


class _Stopper:
    """What each signal means, depending on how far things are."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.endpoint: Endpoint | None = None
        self._serving = asyncio.current_task()
        self._num_signals = 0

    def on_signal(self) -> None:
        """Drain first, hurry second, drop everything third."""
        self._num_signals += 1
        self.stop.set()
        if self.endpoint is not None and self._num_signals > 1:
            self.endpoint.hurry()
        if self._serving is not None and (self.endpoint is None or self._num_signals > 2):
            self._serving.cancel()


@contextlib.contextmanager
def _signals_go_to(handler: Callable[[], None]) -> Generator[None, None, None]:
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        previous = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(handler))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)
        return
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
