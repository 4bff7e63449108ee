"""Where questions come from: a person at a terminal (history, several lines), or a pipe (one per line)."""

import contextlib
import sys
from collections.abc import Callable, Generator
from pathlib import Path

MAX_HISTORY = 1000
FIRST_PROMPT, NEXT_PROMPT = "> ", ". "
_BLOCK = '"""'


class Reader:
    """Reads questions. `interactive` says whether a person types them."""

    def __init__(self, read_line: Callable[[str], str], *, interactive: bool) -> None:
        self._read_line = read_line
        self.interactive = interactive

    def question(self) -> str:
        """The next question: one line; lines joined by a backslash at their end; or a block in triple quotes.

        Raises EOFError at the end of the input, KeyboardInterrupt when Ctrl-C drops what was typed so far.
        """
        line = self._read_line(FIRST_PROMPT)
        if line.lstrip().startswith(_BLOCK):
            return self._block(line.lstrip().removeprefix(_BLOCK))
        lines = [line]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1].removesuffix("\\")
            lines.append(self._read_line(NEXT_PROMPT))
        return "\n".join(lines)

    def _block(self, first: str) -> str:
        lines = [first]
        while not lines[-1].rstrip().endswith(_BLOCK):
            lines.append(self._read_line(NEXT_PROMPT))
        lines[-1] = lines[-1].rstrip().removesuffix(_BLOCK)
        return "\n".join(lines).strip("\n")


@contextlib.contextmanager
def open_reader(history: Path) -> Generator[Reader, None, None]:
    """A reader of this program's stdin. At a terminal it keeps `history`, which only its owner can read."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield Reader(_read_piped_line, interactive=False)
        return
    with _kept_history(history):
        yield Reader(input, interactive=True)


def forget(history: Path) -> None:
    """Delete what was typed, on disk and in memory."""
    history.unlink(missing_ok=True)
    with contextlib.suppress(ImportError):
        import readline

        readline.clear_history()


@contextlib.contextmanager
def _kept_history(path: Path) -> Generator[None, None, None]:
    try:
        import readline
    except ImportError:  # Windows: input() works there without it
        yield
        return
    readline.set_history_length(MAX_HISTORY)
    with contextlib.suppress(OSError):
        _make_private(path)
        readline.read_history_file(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a chat without a writable data folder is still a chat
            _make_private(path)
            readline.write_history_file(path)
            path.chmod(0o600)


def _make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _read_piped_line(_: str) -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")
