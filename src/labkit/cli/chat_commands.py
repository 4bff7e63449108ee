"""What a person can type in a chat beside questions."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.cli.chat_input import forget
from labkit.cli.chat_turn import Conversation
from labkit.errors import InputError, ModelNotFoundError

if TYPE_CHECKING:
    from labkit.client import ChatClient


class Leave(Exception):  # noqa: N818  # not an error: the person says goodbye
    """Raised by /exit."""


class Commands:
    """The commands, on one conversation. `run` answers with text to show, or with a question to ask again."""

    def __init__(self, client: "ChatClient", conversation: Conversation, history: Path) -> None:
        self._client = client
        self._conversation = conversation
        self._history = history
        self._known: dict[str, tuple[str, Callable[[str], str | None]]] = {
            "/help": ("show this", self._help),
            "/clear": ("start over, keeping the system prompt", self._clear),
            "/retry": ("ask the last question again", self._retry),
            "/system": ("[TEXT] show or set the system prompt", self._system),
            "/model": ("[NAME] show the models, or change to one", self._model),
            "/temperature": ("[NUMBER] show or set it", self._temperature),
            "/max-tokens": ("[NUMBER] show or set the longest answer", self._max_tokens),
            "/forget": ("delete the history of what was typed", self._forget),
            "/exit": ("leave (as does Ctrl-D)", self._exit),
        }
        self.again: str | None = None

    def knows(self, line: str) -> bool:
        """Whether `line` is one of the commands."""
        return line.split(maxsplit=1)[0] in (*self._known, "/quit") if line.strip() else False

    def run(self, line: str) -> str | None:
        """Do what `line` says; returns what to tell. Raises InputError for a command or value that is wrong.

        After /retry, `again` holds the question to ask.
        """
        name, _, rest = line.strip().partition(" ")
        name = "/exit" if name == "/quit" else name
        if name not in self._known:
            raise InputError(f"there is no command {name}", hint="see them with /help")
        return self._known[name][1](rest.strip())

    def _help(self, _: str) -> str:
        lines = [f"  {name:<13} {text}" for name, (text, _) in self._known.items()]
        more = 'A \\ at the end of a line goes on in the next; """ starts and ends a block. Ctrl-C stops an answer.'
        return "\n".join([*lines, more])

    def _clear(self, _: str) -> str:
        self._conversation.messages.clear()
        return "cleared"

    def _retry(self, _: str) -> None:
        self.again = self._conversation.take_back()
        if self.again is None:
            raise InputError("nothing was asked yet")

    def _system(self, text: str) -> str:
        if text:
            self._conversation.system = text
            self._conversation.messages.clear()
            return "set; the conversation starts over"
        return self._conversation.system or "no system prompt"

    def _model(self, name: str) -> str:
        names = [model.name for model in self._client.models()]
        if not name:
            return "\n".join(f"{'*' if known == self._conversation.model else ' '} {known}" for known in names)
        if name not in names:
            raise ModelNotFoundError(name, hint=f"this endpoint serves {', '.join(names)}")
        self._conversation.model = name
        return f"now talking to {name}"

    def _temperature(self, text: str) -> str:
        return self._option("temperature", float, text)

    def _max_tokens(self, text: str) -> str:
        return self._option("max_tokens", int, text)

    def _option(self, name: str, parse: Callable[[str], float], text: str) -> str:
        options = self._conversation.options
        if text:
            try:
                options[name] = parse(text)
            except ValueError:
                raise InputError(f"'{text}' is not a number") from None
        value = options.get(name)
        return f"{name} is {'the default' if value is None else value}"

    def _forget(self, _: str) -> str:
        forget(self._history)
        return "the history is deleted"

    def _exit(self, _: str) -> str:
        raise Leave
