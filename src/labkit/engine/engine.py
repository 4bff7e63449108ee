"""One thread, one inbox, one loop."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from labkit.engine.core.backend import Backend
from labkit.engine.loop import Loop
from labkit.engine.proposals import Proposals
from labkit.engine.slower_tiers import SlowerTiers
from labkit.engine.stats import EngineStats
from labkit.engine.types import EngineConfig, GenerationRequest, TokenEvent
from labkit.errors import LabkitError, NativeError, NotReadyError

logger = logging.getLogger(__name__)

OnStep = Callable[[list[TokenEvent]], None]
_Result = TypeVar("_Result")
_INTERRUPT_SECONDS = 0.05


class Engine:
    """Generates for many requests at once over one backend.

    `submit`, `cancel`, `stats`, `shutdown` and the adapter methods may be called from any thread; they take effect at
    the next step. `on_step` is called from the engine's thread, once per step, with the events of all requests: it
    must not block for long and must not raise. Every submitted request gets exactly one last event, whatever happens.
    """

    def __init__(
        self,
        backend: Backend,
        on_step: OnStep,
        *,
        config: EngineConfig | None = None,
        proposals: Proposals | None = None,
        tiers: SlowerTiers | None = None,
        clock: Callable[[], float] = time.monotonic,
        check_integrity: bool = False,
    ) -> None:
        self._backend = backend
        self._on_step = on_step
        self._check_integrity = check_integrity
        self._loop = Loop(backend, config or EngineConfig(), proposals=proposals, tiers=tiers, clock=clock)
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopping = False
        self._has_ended = False
        self._end_lock = threading.RLock()  # of the inbox, for whoever answers late comers after the loop's end
        self._prepared = threading.Event()
        self._thread = threading.Thread(target=self._run, name="labkit-engine", daemon=True)

    def start(self) -> None:
        """Start the loop in its own thread; returns when the backend is prepared, or the loop has failed."""
        self._thread.start()
        self._prepared.wait()

    def submit(self, request: GenerationRequest) -> None:
        """Accept a request. What is wrong with it comes as its last event, never as an exception."""
        self._put(lambda: self._loop.accept(request))

    def cancel(self, request_id: str) -> None:
        """End a request with finish_reason "cancelled" and free its slot, also inside a long prompt.

        Unknown ids are ignored.
        """
        self._put(lambda: self._loop.cancel(request_id))
        if self._loop.is_worth_interrupting(request_id):
            self._backend.interrupt()

    def load_adapter(self, name: str, path: Path) -> None:
        """Load a LoRA adapter for requests to name. Blocks until done; raises what Backend.load_adapter raises."""
        self.call(lambda: self._backend.load_adapter(name, path))

    def unload_adapter(self, name: str) -> None:
        """Free an adapter and every cell computed under it. Blocks; raises InvalidRequestError while it is in use."""
        self.call(lambda: self._loop.unload_adapter(name))

    def call(self, function: Callable[[], _Result]) -> _Result:
        """Run `function` in the loop's thread, between two steps, and return what it returns. Blocks.

        Raises NotReadyError when the loop does not run, and whatever `function` raises; after anything but a
        LabkitError the engine is not to be trusted and ends.
        """
        future: Future[_Result] = Future()

        def run() -> None:
            try:
                if self._stopping:
                    raise NotReadyError("the engine does not run")
                future.set_result(function())
            except LabkitError as error:
                future.set_exception(error)
            except BaseException as error:
                future.set_exception(error)
                raise

        if self._stopping or not self._thread.is_alive():
            raise NotReadyError("the engine does not run")
        self._put(run)
        return future.result()

    def shutdown(self, timeout_seconds: float | None = None) -> None:
        """Cancel everything and end the loop; waits for it."""
        self._inbox.put(self._stop)
        ends = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while self._thread.is_alive() and (ends is None or time.monotonic() < ends):
            self._backend.interrupt()  # again and again: one that comes just before a forward is lost
            self._thread.join(_INTERRUPT_SECONDS)

    def stats(self) -> EngineStats:
        """What runs, waits and is kept. Any thread may ask; a snapshot taken in mid-step may be a step old."""
        return self._loop.stats()

    @property
    def is_alive(self) -> bool:
        """Whether the loop runs. It ends by `shutdown`, or by a bug after which nothing can be trusted."""
        return self._thread.is_alive()

    def step(self) -> None:
        """One turn of the loop. Public for tests, which call it without a thread."""
        self._read_inbox(wait=False)
        self._loop.step()
        if self._check_integrity:
            self._loop.check_integrity()
        self._emit()

    def _run(self) -> None:
        try:
            self._backend.prepare()
            self._prepared.set()
            while not self._stopping:
                self._read_inbox(wait=not self._loop.has_work)
                self.step()
        except Exception:
            logger.exception("the engine's loop has a bug")
            self._loop.abandon(NativeError("the engine failed", hint="see the worker's log"))
        self._stop()
        self._prepared.set()
        self._has_ended = True
        self._answer_late_comers()

    def _put(self, message: Callable[[], None]) -> None:
        self._inbox.put(message)
        if self._has_ended:
            self._answer_late_comers()

    def _answer_late_comers(self) -> None:
        """After the loop's end nobody reads the inbox, and yet every request must hear that it is refused.

        The loop comes here after it has set `_has_ended`, a sender after its message is in the inbox: one of the two
        finds it there.
        """
        with self._end_lock:
            self._read_inbox(wait=False)
            self._emit()

    def _stop(self) -> None:
        self._stopping = True
        self._loop.stop()

    def _emit(self) -> None:
        if events := self._loop.take_events():
            self._on_step(events)

    def _read_inbox(self, *, wait: bool) -> None:
        try:
            if wait:
                self._inbox.get()()
            while True:
                self._inbox.get_nowait()()
        except queue.Empty:
            return
