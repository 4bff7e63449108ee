"""A chat template that is rendered in a process of its own, which is ended when it takes too long or too much."""

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from labkit.chat.render_frames import (
    MEMORY_BYTES,
    OUT_OF_MEMORY,
    PROCESSOR_SECONDS,
    REFUSED,
    VARIABLES,
    WALL_SECONDS,
    read_frame,
    write_frame,
)
from labkit.errors import InvalidModelFileError, InvalidRequestError
from labkit.units import render_bytes

COMMAND = (sys.executable, "-m", "labkit.chat.render_process")
TEMPLATE_LIMIT = "template_limit"
"""Code of the error about a template that was stopped."""
_LEAVE_SECONDS = 1.0
_HINT = "the template came with the model's file: take the file of another publisher"


class TemplateRenderer:
    """As ChatTemplate, at the price of 25 MB and 0.2 ms for each conversation. One thread at a time may use it.

    The process starts with the object, so that it gets ready while a model is being loaded. Close it.
    """

    def __init__(self) -> None:
        self._process = _start()
        self._template: dict[str, str] = {}
        self.variables: frozenset[str] = frozenset()
        """Names that the template reads, beside messages and tools."""

    @property
    def source(self) -> str:
        """The template, empty before `compile`."""
        return self._template.get("source", "")

    def compile(self, source: str, *, bos: str = "", eos: str = "") -> None:
        """Take `source`; `bos` and `eos` are the texts of those tokens. Blocks.

        Raises InvalidModelFileError for a template that does not compile, or not within the limits.
        """
        self._template = {"source": source, "bos": bos, "eos": eos}
        answer = self._ask(self._template)
        if (refused := answer.get(REFUSED)) is not None:
            raise InvalidModelFileError(refused, hint="use another file of this model")
        if (stopped := self._stopped(answer)) is not None:
            raise InvalidModelFileError(stopped, hint=_HINT)
        self.variables = frozenset(answer.get(VARIABLES, ()))

    def render(
        self,
        messages: tuple[dict[str, Any], ...],
        tools: tuple[dict[str, Any], ...] = (),
        *,
        add_generation_prompt: bool = True,
        continue_final: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> str:
        """The prompt; see ChatTemplate.render. Blocks, for 2 s of processor time at most.

        Raises InvalidRequestError when the template refuses the conversation, and with the code `template_limit` when
        it was stopped.
        """
        if self._process.poll() is not None:  # the last conversation was its end
            self._process = _start()
            self.compile(**self._template)
        answer = self._ask(
            {
                "messages": messages,
                "tools": tools,
                "add_generation_prompt": add_generation_prompt,
                "continue_final": continue_final,
                "arguments": dict(arguments or {}),
            }
        )
        if (refused := answer.get(REFUSED)) is not None:
            raise InvalidRequestError(refused, param="messages")
        if (stopped := self._stopped(answer)) is not None:
            raise InvalidRequestError(stopped, param="messages", code=TEMPLATE_LIMIT, hint=_HINT)
        return answer["text"]

    def close(self) -> None:
        """End the process. Calling it twice is harmless."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, content: dict[str, Any]) -> dict[str, Any]:
        """The answer; empty when the process ended over it."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with _wall_clock(process):
            try:
                write_frame(process.stdin, content)
                answer = read_frame(process.stdout)
            except (OSError, ValueError):
                answer = None
        if answer is None:
            process.kill()
            process.wait()
            self.close()
        return answer or {}

    def _stopped(self, answer: dict[str, Any]) -> str | None:
        """Why there is no text, in words; None when there is."""
        if OUT_OF_MEMORY in answer:
            self._process.kill()  # what it still holds is anybody's guess
            self.close()
            return f"the model's chat template wants more than {render_bytes(MEMORY_BYTES)} of memory and was stopped"
        if answer:
            return None
        code = self._process.returncode
        if code in _clocks():
            return f"the model's chat template did not end within {PROCESSOR_SECONDS:.0f} s and was stopped"
        return f"the model's chat template ended the process that renders it (exit code {code})"


def _start() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _clocks() -> set[int]:
    """Exit codes of a process that was out of time."""
    if sys.platform == "win32":
        return {1}
    return {-signal.SIGPROF, -signal.SIGALRM}


@contextlib.contextmanager
def _wall_clock(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Kill the process in the end where it cannot set alarms for itself."""
    if hasattr(signal, "setitimer"):
        yield
        return
    timer = threading.Timer(min(WALL_SECONDS, 5 * PROCESSOR_SECONDS), process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
