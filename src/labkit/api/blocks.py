"""An answer as a row of blocks, which is how OpenAI's Responses and Anthropic's Messages write one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from labkit.worker.messages import Delta, LogprobEntry

BlockKind = Literal["reasoning", "text", "tool_call"]


@dataclass(slots=True, eq=False)
class Block:
    """One stretch of an answer. `index` is its place in the row; `call_id` and `name` are those of a tool call."""

    index: int
    kind: BlockKind
    call_id: str = ""
    name: str = ""
    parts: list[str] = field(default_factory=list)
    logprobs: list[LogprobEntry] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All of its text so far; for a tool call the arguments as JSON text."""
        return "".join(self.parts)


class News(NamedTuple):
    """What happened to a block. `text` and `logprobs` are new with "more"."""

    what: Literal["open", "more", "close"]
    block: Block
    text: str = ""
    logprobs: Sequence[LogprobEntry] = ()


class Blocks:
    """Puts deltas into blocks, one open at a time. Modifies itself; one for each answer."""

    def __init__(self) -> None:
        self.row: list[Block] = []
        self._open: Block | None = None

    @property
    def open_text(self) -> Block | None:
        """The open block, where it is one of text."""
        return self._open if self._open is not None and self._open.kind == "text" else None

    def feed(self, delta: Delta) -> list[News]:
        """What `delta` means, in the order in which a reader is told."""
        news: list[News] = []
        if delta.reasoning:
            news += self._more("reasoning", delta.reasoning)
        if delta.content:
            news += self._more("text", delta.content, delta.logprobs)
        for call in delta.tool_calls:
            if call.id is not None:
                news += [*self.close(), self._begin("tool_call", call.id, call.name or "")]
            if call.arguments and self._open is not None:
                news.append(self._add(call.arguments))
        return news

    def begin_text(self) -> list[News]:
        """An empty block of text, for APIs whose answers always have one."""
        return [*self.close(), self._begin("text")]

    def close(self) -> list[News]:
        """The open block is over, if there is one."""
        closed = self._open
        self._open = None
        return [News("close", closed)] if closed is not None else []

    def _more(self, kind: BlockKind, text: str, logprobs: Sequence[LogprobEntry] = ()) -> list[News]:
        opening = [] if self._open is not None and self._open.kind == kind else [*self.close(), self._begin(kind)]
        return [*opening, self._add(text, logprobs)]

    def _begin(self, kind: BlockKind, call_id: str = "", name: str = "") -> News:
        self._open = Block(len(self.row), kind, call_id, name)
        self.row.append(self._open)
        return News("open", self._open)

    def _add(self, text: str, logprobs: Sequence[LogprobEntry] = ()) -> News:
        assert self._open is not None
        self._open.parts.append(text)
        self._open.logprobs += logprobs
        return News("more", self._open, text, logprobs)


def is_plain_text(delta: Delta) -> bool:
    """Whether all of its news is text: what nearly every delta is, and what must cost the least."""
    return bool(delta.content) and not (
        delta.finish_reason or delta.tool_calls or delta.reasoning or delta.logprobs or delta.error
    )
