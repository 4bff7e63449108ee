"""The loop of `labkit chat`: read, answer, measure, until the person leaves."""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.cli import errors, output
from labkit.cli.chat_commands import Commands, Leave
from labkit.cli.chat_input import Reader, open_reader
from labkit.cli.chat_turn import Conversation, Turn, ask
from labkit.errors import ContextLengthExceededError, LabkitError

if TYPE_CHECKING:
    from labkit.client import ChatClient


def run_repl(client: "ChatClient", conversation: Conversation, history: Path, *, as_json: bool) -> None:
    """Answer questions until the input ends.

    At a terminal an error is told and the chat goes on, and Ctrl-C stops an answer only. From a pipe both end it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an old terminal must not end the chat at the first emoji
    commands = Commands(client, conversation, history)
    with open_reader(history) as reader:
        repl = _Repl(client, conversation, commands, reader, as_json=as_json)
        while True:
            try:
                repl.step()
            except (Leave, EOFError):
                break
            except LabkitError as error:
                if not reader.interactive:
                    raise
                errors.report(_with_chat_hint(error))
            except KeyboardInterrupt:
                if not reader.interactive:
                    raise
                _say("\n(stopped; Ctrl-D or /exit leaves)")
    if reader.interactive:
        sys.stdout.write("\n")


class _Repl:
    def __init__(
        self,
        client: "ChatClient",
        conversation: Conversation,
        commands: Commands,
        reader: Reader,
        *,
        as_json: bool,
    ) -> None:
        self._client = client
        self._conversation = conversation
        self._commands = commands
        self._reader = reader
        self._as_json = as_json

    def step(self) -> None:
        """One line of the person, whatever it asks for."""
        line = self._reader.question()
        if not line.strip():
            return
        if self._is_command(line):
            self._commands.again = None
            told = self._commands.run(line)
            if told:
                _say(told)
            if self._commands.again is None:
                return
            line = self._commands.again
        self._answer(line)

    def _is_command(self, line: str) -> bool:
        # In a pipe a question may well start with a slash; a person would rather know of a typing error.
        return self._commands.knows(line) or (self._reader.interactive and line.startswith("/"))

    def _answer(self, question: str) -> None:
        turn = Turn(question)
        try:
            ask(self._client, self._conversation, turn, show=not self._as_json)
        finally:
            if turn.answer:
                self._conversation.add(question, turn.answer)
        if self._as_json:
            output.print_json_line(turn)
        else:
            _say(f"  [{turn.summary()}]", dim=True)


def _with_chat_hint(error: LabkitError) -> LabkitError:
    if isinstance(error, ContextLengthExceededError):
        error.hint = "/clear starts over with an empty conversation"
    return error


def _say(text: str, *, dim: bool = False) -> None:
    if dim and sys.stderr.isatty():
        text = f"\x1b[2m{text}\x1b[0m"
    print(text, file=sys.stderr, flush=True)  # noqa: T201
