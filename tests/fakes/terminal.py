"""A program at a pseudo-terminal, driven like a person would: type, look, press Ctrl-C."""

import codecs
import contextlib
import os
import select
import signal
import subprocess
import time


class Terminal:
    def __init__(self, command, environment) -> None:
        import pty

        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
            preexec_fn=lambda: _take_terminal(slave),
        )  # fmt: skip
        os.close(slave)
        self.screen = ""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def read_until(self, text: str, seconds: float = 30.0) -> str:
        """What came up to and including `text`; what comes after it is kept."""
        end = time.monotonic() + seconds
        while text not in self.screen:
            assert time.monotonic() < end, f"{text!r} did not appear in {self.screen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.screen += self._decode(os.read(self.master, 65536))
                except OSError:  # the other side is closed
                    assert text in self.screen, f"{text!r} did not appear in {self.screen!r}"
        before, _, self.screen = self.screen.partition(text)
        return before + text

    def wait(self) -> int:
        """Exit code; drains the screen meanwhile, as a terminal does."""
        while self.process.poll() is None:
            if select.select([self.master], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):
                    self.screen += self._decode(os.read(self.master, 65536))
        return self.process.returncode


def _take_terminal(slave: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


@contextlib.contextmanager
def at_terminal(command, environment):
    terminal = Terminal(command, environment)
    try:
        yield terminal
    finally:
        if terminal.process.poll() is None:
            os.killpg(terminal.process.pid, signal.SIGKILL)
        terminal.process.wait()
        os.close(terminal.master)
