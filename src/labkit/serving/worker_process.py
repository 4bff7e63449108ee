"""One worker process: started, spoken to, and ended. Knows nothing of requests or restarts."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, Self

from labkit.serving.environment import worker_environment
from labkit.serving.logs import open_log
from labkit.worker.messages import FromFront, FromWorker
from labkit.worker.wire import FrameReader, WireError, pack

READ_BUFFER_BYTES = 1024 * 1024
LEAVE_SECONDS = 0.5  # between the end of its pipe and the end of the process


class WorkerProcess:
    """A child that speaks frames on its pipes. Lives in its own process group: Ctrl-C reaches the front alone.

    Spawned, never forked. When the front dies in whatever way, the child's stdin ends and it leaves by itself.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self.kill_reason = ""

    @classmethod
    async def spawn(cls, command: Sequence[str], log_path: Path) -> Self:
        """Start `command`, its stderr appended to `log_path`. Raises OSError when it cannot be started."""
        log = open_log(log_path)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=worker_environment(os.environ),
                limit=READ_BUFFER_BYTES,
                **_own_group(),
            )
        finally:
            os.close(log)
        return cls(process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def messages(self) -> AsyncGenerator[FromWorker, None]:
        """What it says, until its pipe ends (it has left or died) or it says something that is no message."""
        frames = FrameReader()
        try:
            while data := await self._stdout.read(READ_BUFFER_BYTES):
                for message in frames.feed(data):
                    yield message  # type: ignore[misc]  # kinds of the front are refused where messages are handled
        except ConnectionError:
            return
        except WireError as error:
            self.kill_reason = f"sent something that is no message ({error.message[:100]})"

    async def send(self, message: FromFront) -> None:
        """Send and wait until the pipe has room. A dead worker is silence here: `messages` tells its end."""
        self.send_soon(message)
        with contextlib.suppress(ConnectionError):
            await self._stdin.drain()

    def send_soon(self, message: FromFront) -> None:
        """Send without waiting; for small messages."""
        if not self._stdin.is_closing():
            self._stdin.write(pack(message))

    def hang_up(self) -> None:
        """Close its stdin: it must leave by itself."""
        self._stdin.close()

    def kill(self, reason: str = "") -> None:
        """End it now. Safe to call at any time; the first reason is kept."""
        self.kill_reason = self.kill_reason or reason
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> str:
        """Collect it, killed if it does not leave at once, and say in words how it ended."""
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            self.kill("closed its pipe and did not leave")
            code = await self._process.wait()
        return self.kill_reason or _describe_exit(code)


def _own_group() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}  # not process_group: uvloop does not know it


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"left with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}"
