"""Keeps one model's worker alive and routes its answers.

All state belongs to the event loop that runs it: no locks. A request is sent to one process and never again:
what a crash interrupted ends with one error, and what comes later waits for the fresh process.
"""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

from labkit.api.backend import ModelHealth, ModelState, ModelStats
from labkit.errors import LabkitError, ModelLoadError, NotReadyError, WorkerDiedError
from labkit.serving.logs import MAX_LOG_BYTES, bound_log, file_size, last_lines
from labkit.serving.restart_policy import RestartPolicy
from labkit.serving.route import Route
from labkit.serving.vector_route import VectorRoute
from labkit.serving.worker_process import WorkerProcess
from labkit.worker.messages import (
    Cancel,
    Delta,
    Detokenized,
    Embed,
    Embedded,
    FromWorker,
    Generation,
    LoadFailed,
    Pulse,
    Question,
    Ready,
    Refused,
    Rendered,
    Reply,
    Rerank,
    Shutdown,
    Step,
    Tokenized,
    TokenizerDescribed,
)
from labkit.worker.wire import restore_error

SILENCE_SECONDS = 10.0
GRACE_SECONDS = 3.0
BREAKER_REST_SECONDS = 60.0
_logger = logging.getLogger("labkit.serving")


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How a model's worker is started and judged.

    Attributes:
        command: program and arguments.
        load_seconds: longest time a load may take.
    """

    model: str
    command: tuple[str, ...]
    log_path: Path
    load_seconds: float = 600.0
    restart: RestartPolicy = field(default_factory=RestartPolicy)


class Supervisor:
    """One model: its process, its running requests, its restarts."""

    def __init__(self, plan: WorkerPlan) -> None:
        self._plan = plan
        self._routes: dict[str, Route | VectorRoute] = {}
        self._questions: dict[str, asyncio.Future[Reply]] = {}
        self._process: WorkerProcess | None = None
        self._life: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()  # ready, failed or stopped: nothing to wait for
        self._state: ModelState = "loading"
        self._error: LabkitError | None = None
        self._pulse = Pulse(num_running=0, num_waiting=0, last_step_age_seconds=0.0)
        self._last_sign = self._next_try = -math.inf
        self._num_restarts = 0
        self.ready: Ready | None = None
        self.died_loading = False  # without a word about what is wrong

    @property
    def pid(self) -> int | None:
        """Process id of the worker that lives now."""
        return self._process.pid if self._process else None

    @property
    def num_running(self) -> int:
        """Requests that were sent and are not over."""
        return len(self._routes)

    @property
    def num_threads(self) -> int | None:
        """Threads for one token that its worker uses now; None until it has said."""
        loaded = self.ready.num_threads if self.ready else None
        return self._pulse.engine.get("num_threads", loaded)

    def health(self) -> ModelHealth:
        """What is known without asking the worker."""
        return ModelHealth(
            state=self._state,
            reason=self._error.message if self._error and self._state != "ready" else "",
            num_running=self._pulse.num_running,
            num_waiting=self._pulse.num_waiting,
            last_step_age_seconds=self._pulse.last_step_age_seconds if self._state == "ready" else None,
            num_restarts=self._num_restarts,
        )

    def stats(self) -> ModelStats:
        """The figures of its last pulse."""
        return ModelStats(self.health(), self._pulse.engine, self.pid)

    async def start(self) -> Ready:
        """Load the model. Raises what the worker reported, or ModelLoadError when it died over it."""
        self._life = asyncio.create_task(self._live())
        await self._settled.wait()
        if self.ready is None:
            raise self._error or NotReadyError(f"'{self._plan.model}' was stopped while it was loading")
        return self.ready

    async def generate(self, request: Generation) -> AsyncGenerator[list[Delta], None]:
        """News of one request; waits for a worker that is loading. Closing it cancels the request.

        Raises the request's error, WorkerDiedError when the process ends in mid-work, NotReadyError when there is
        no process to ask.
        """
        process = await self._ready_process()
        route = self._routes[request.request_id] = Route()
        try:
            await process.send(request)
            while not route.is_read:
                yield await route.news()
        finally:
            route.close()
            del self._routes[request.request_id]
            if not route.is_over:
                process.send_soon(Cancel(request.request_id))

    async def embed(self, request: Embed | Rerank) -> list[Embedded]:
        """All results of one request; waits and raises as `generate` does. Cancelling the task cancels the request."""
        process = await self._ready_process()
        route = self._routes[request.request_id] = VectorRoute()
        try:
            await process.send(request)
            return await route.parts()
        finally:
            del self._routes[request.request_id]
            if not route.is_over:
                process.send_soon(Cancel(request.request_id))

    async def ask(self, question: Question) -> Reply:
        """The reply to a question; waits and raises as `generate` does."""
        process = await self._ready_process()
        route = self._questions[question.request_id] = asyncio.get_running_loop().create_future()
        try:
            await process.send(question)
            return await route
        finally:
            del self._questions[question.request_id]

    def end_all(self, error: LabkitError) -> None:
        """End every running request with `error`, now."""
        for request_id, route in self._routes.items():
            if route.fail(error) and self._process:
                self._process.send_soon(Cancel(request_id))
        self._fail_questions(error)

    async def stop(self) -> None:
        """Let the worker leave, kill it after 3 s, and collect it. A model that is loading is killed at once."""
        was_ready, self._state = self._state == "ready", "stopped"
        self._settled.set()
        self.end_all(NotReadyError("the endpoint is stopping"))
        if self._life is None:
            return
        if self._process and was_ready:
            self._process.send_soon(Shutdown())
            self._process.hang_up()
            await asyncio.wait([self._life], timeout=GRACE_SECONDS)
        if self._process:
            self.kill()
            await asyncio.wait([self._life], timeout=GRACE_SECONDS)
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)

    def kill(self) -> None:
        """Kill the worker now. Does not block."""
        if self._process:
            self._process.kill("was stopped")

    async def _ready_process(self) -> WorkerProcess:
        name = self._plan.model
        try:
            async with asyncio.timeout(self._plan.load_seconds):
                while self._state in ("loading", "restarting"):
                    await self._settled.wait()
        except TimeoutError:
            raise NotReadyError(f"'{name}' is still {self._state}", hint="try again in a moment") from None
        if self._state != "ready" or self._process is None:
            reason = f": {self._error.message}" if self._error else ""
            left = self._next_try - asyncio.get_running_loop().time()
            raise NotReadyError(
                f"'{name}' cannot answer now{reason}",
                hint="see the endpoint's log",
                retry_after_seconds=math.ceil(left) if left > 0 else None,
            )
        return self._process

    async def _live(self) -> None:
        crash_times: list[float] = []
        while True:
            how_it_ended = await self._live_once()
            if self._state == "stopped":
                return
            if self.ready is None:  # it never loaded: another try would end alike
                self._settle("failed")
                return
            crash_times.append(asyncio.get_running_loop().time())
            self._num_restarts += 1
            delay = self._plan.restart.delay_after(crash_times)
            self._after_crash(how_it_ended, delay, len(crash_times))
            if delay is None:
                await asyncio.sleep(BREAKER_REST_SECONDS)
                crash_times.clear()
                self._unsettle()
            else:
                await asyncio.sleep(delay)

    async def _live_once(self) -> str:
        """One process from start to end. Returns how it ended."""
        log_start = file_size(self._plan.log_path)
        self._error = None
        try:
            process = self._process = await WorkerProcess.spawn(self._plan.command, self._plan.log_path)
        except OSError as error:
            self._error = ModelLoadError(f"the worker of '{self._plan.model}' could not be started: {error}")
            return "could not be started"
        watch = asyncio.create_task(self._watch(process))
        try:
            async for message in process.messages():
                self._handle(message)
            how = await process.ended()
        except Exception:
            _logger.exception("the front could not follow the worker of %s", self._plan.model)
            how = "was stopped after a bug in the front"
        finally:
            watch.cancel()
            process.kill()
            self._process = None
        if self.ready is None and self._error is None:
            log = last_lines(self._plan.log_path, log_start)
            lines = f"; last lines of its log:\n{log}" if log else ""
            self._error = ModelLoadError(f"the worker {how} while it loaded '{self._plan.model}'{lines}")
            self.died_loading = True
        return how

    def _after_crash(self, how: str, delay: float | None, num_crashes: int) -> None:
        name = self._plan.model
        _logger.error("the worker of %s %s", name, how)
        what_next = "it is being restarted" if delay is not None else "it crashes again and again, and rests"
        died = WorkerDiedError(
            f"the process that held '{name}' {how} in the middle of this answer; {what_next}",
            hint="send the request again",
        )
        for route in self._routes.values():
            route.fail(died)
        self._fail_questions(died)
        if delay is not None:
            self._error = self._error or WorkerDiedError(f"its worker {how}")
            self._unsettle()
            return
        self._next_try = asyncio.get_running_loop().time() + BREAKER_REST_SECONDS
        self._error = NotReadyError(
            f"its worker crashed {num_crashes} times in a row (the last one {how}); "
            f"it rests for {BREAKER_REST_SECONDS:.0f} s before the next try"
        )
        self._settle("failed")

    def _handle(self, message: FromWorker) -> None:
        self._last_sign = asyncio.get_running_loop().time()
        match message:
            case Step(deltas=deltas):
                for delta in deltas:
                    self._deliver(delta)
            case Embedded(request_id=request_id):
                vector_route = self._routes.get(request_id)
                if isinstance(vector_route, VectorRoute):
                    vector_route.deliver(message)
            case Tokenized() | Detokenized() | Rendered() | TokenizerDescribed() | Refused():
                self._answer(message)
            case Pulse():
                self._pulse = message
            case Ready() if self._state != "stopped":
                self.ready = message
                self._error = None
                self._settle("ready")
            case LoadFailed(error=info):
                self._error = restore_error(info)

    def _fail_questions(self, error: LabkitError) -> None:
        for waiting in self._questions.values():
            if not waiting.done():
                waiting.set_exception(error)

    def _answer(self, reply: Reply) -> None:
        waiting = self._questions.get(reply.request_id)
        if waiting is None or waiting.done():
            return
        if isinstance(reply, Refused):
            waiting.set_exception(restore_error(reply.error))
        else:
            waiting.set_result(reply)

    def _deliver(self, delta: Delta) -> None:
        route = self._routes.get(delta.request_id)
        if isinstance(route, Route) and not route.deliver(delta) and self._process:
            self._process.send_soon(Cancel(delta.request_id))

    async def _watch(self, process: WorkerProcess) -> None:
        """Kill the worker when it loads for too long, gives no sign of life, or says that it is stuck.

        Busy is not dead: it pulses, and its pulse tells work from standing still.
        """
        clock = asyncio.get_running_loop().time
        self._pulse = Pulse(num_running=0, num_waiting=0, last_step_age_seconds=0.0)
        self._last_sign = clock()
        while True:
            await asyncio.sleep(1.0)
            if file_size(self._plan.log_path) > MAX_LOG_BYTES:
                await asyncio.to_thread(bound_log, self._plan.log_path)
            if self._pulse.is_stuck:
                process.kill(f"had computed nothing for {self._pulse.last_step_age_seconds:.0f} s and was killed")
                return
            if self._silence(clock()) <= 0:
                continue
            await asyncio.sleep(1.0)  # if this loop was held up itself, its pulses are read now
            if self._silence(clock()) > 0:
                process.kill("gave no sign of life and was killed")
                return

    def _silence(self, now: float) -> float:
        limit = SILENCE_SECONDS if self._state == "ready" else self._plan.load_seconds
        return now - self._last_sign - limit

    def _settle(self, state: ModelState) -> None:
        self._state = state
        self._settled.set()

    def _unsettle(self) -> None:
        self._state = "restarting"
        self._settled.clear()
