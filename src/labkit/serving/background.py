"""An endpoint inside another program (`labkit chat`, `labkit demo`, benchmarks), gone when its block is left."""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Generator

from labkit.serving.endpoint import Endpoint, open_endpoint
from labkit.serving.event_loop import run_loop
from labkit.serving.logs import FRONT_LOG, logging_to
from labkit.serving.plan import EndpointPlan

POLL_SECONDS = 0.2


@contextlib.contextmanager
def running_endpoint(plan: EndpointPlan) -> Generator[Endpoint, None, None]:
    """Serve `plan` from a thread of this process while the block runs; yields when its models are loaded.

    Raises what loading raises. Leaving the block, by whatever way, ends every request and every worker.
    Ctrl-C is left to the caller: it arrives in the main thread, as KeyboardInterrupt. A caller that is killed
    leaves no worker behind either: their stdin ends with it.
    """
    host = _Host(plan)
    thread = threading.Thread(target=host.run, name="labkit-endpoint", daemon=True)
    with logging_to(plan.logs_folder / FRONT_LOG, plan.observing.log_format):
        thread.start()
        try:
            yield host.wait_started()
        finally:
            _join(thread, host)


class _Host:
    def __init__(self, plan: EndpointPlan) -> None:
        self._plan = plan
        self._started: concurrent.futures.Future[Endpoint] = concurrent.futures.Future()
        # Guards the moment in which the loop appears: the main thread may want to stop before that.
        self._lock = threading.Lock()
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: asyncio.Task[None] | None = None
        self._endpoint: Endpoint | None = None

    def run(self) -> None:
        """Body of the thread."""
        try:
            run_loop(self._serve())
        except asyncio.CancelledError:
            self._started.cancel()
        except BaseException as error:  # noqa: BLE001  # belongs to the thread that waits
            if not self._started.done():
                self._started.set_exception(error)

    def wait_started(self) -> Endpoint:
        """The endpoint when it is ready. Polls, because Windows does not interrupt a plain wait."""
        while True:
            with contextlib.suppress(TimeoutError):
                return self._started.result(timeout=POLL_SECONDS)

    def stop(self) -> None:
        """Stop from another thread; the second call drops what is still running."""
        with self._lock:
            self._stopped = True
            if self._loop is not None and self._serving is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._serving.cancel)

    async def _serve(self) -> None:
        with self._lock:
            if self._stopped:
                return
            self._loop = asyncio.get_running_loop()
            self._serving = asyncio.current_task()
        async with open_endpoint(self._plan) as endpoint:
            self._started.set_result(endpoint)
            await asyncio.Event().wait()


def _join(thread: threading.Thread, host: _Host) -> None:
    interrupted = False
    host.stop()
    while thread.is_alive():
        try:
            thread.join(POLL_SECONDS)
        except KeyboardInterrupt:  # finish first: a worker must not be left behind
            interrupted = True
            host.stop()
    if interrupted:
        raise KeyboardInterrupt
