"""`python -m labkit.chat.render_process`: compiles one chat template and renders it, within limits of time and memory.

Templates come with model files and are code. The sandbox keeps them from Python's objects, not from taking all time
and memory, and no thread can be stopped in the middle of `9 ** (9 ** 9)`: only a process can. Frames on stdin and
stdout, a four-byte length and JSON: first the template, then conversations; an answer to each. Ends with its stdin.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

from labkit.chat.render_frames import (
    MAX_PROMPT_BYTES,
    MEMORY_BYTES,
    OUT_OF_MEMORY,
    PROCESSOR_SECONDS,
    REFUSED,
    TEXT,
    VARIABLES,
    WALL_SECONDS,
    read_frame,
    write_frame,
)
from labkit.chat.template import ChatTemplate
from labkit.errors import LabkitError

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Compile, answer, until stdin ends. Returns the exit code."""
    frames_in, frames_out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _follow_the_parent()
    _limit_memory()
    template: ChatTemplate | None = None
    while (asked := read_frame(frames_in)) is not None:
        _start_clock()
        if template is None:
            answer, template = _compile(asked)
        else:
            answer = _render(template, asked)
        _stop_clock()
        write_frame(frames_out, answer)
    return 0


def _compile(asked: dict[str, Any]) -> tuple[dict[str, Any], ChatTemplate | None]:
    try:
        template = ChatTemplate(asked["source"], bos=asked["bos"], eos=asked["eos"])
    except LabkitError as error:
        return {REFUSED: error.message}, None
    except MemoryError:
        return {OUT_OF_MEMORY: ""}, None
    return {TEXT: "", VARIABLES: sorted(template.variables)}, template


def _render(template: ChatTemplate, asked: dict[str, Any]) -> dict[str, str]:
    try:
        text = template.render(**asked)
        return {TEXT: text} if len(text) <= MAX_PROMPT_BYTES else {OUT_OF_MEMORY: ""}
    except LabkitError as error:
        return {REFUSED: error.message}
    except (MemoryError, OverflowError):  # "too large" is said in both ways
        return {OUT_OF_MEMORY: ""}


def _start_clock() -> None:
    """The alarms kill, they raise nothing: Python would handle a signal only between two steps of its own."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, PROCESSOR_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)


def _stop_clock() -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _follow_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the whole group
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_memory() -> None:
    if sys.platform != "linux":  # macOS does not hold a process to it
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    sys.exit(main())
