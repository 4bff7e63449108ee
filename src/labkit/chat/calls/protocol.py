"""What every syntax of tool calls can do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from labkit.chat.calls.values import ArgumentTypes
from labkit.chat.grammar import Function, Grammar
from labkit.chat.reading import Output, Reading, Source


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call, with its arguments as an object."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    id: str = ""


class CallSyntax(Protocol):
    """A way to write calls. Immutable."""

    @property
    def openers(self) -> tuple[str, ...]:
        """Texts that begin one call, or a section of them."""
        ...

    @property
    def is_bare(self) -> bool:
        """Whether an answer that is a call may begin without a marker."""
        ...

    @property
    def stop_after_one(self) -> str:
        """A text that ends a call and stands nowhere else; "" when there is none."""
        ...

    def read(self, source: Source, output: Output, opener: str, types: ArgumentTypes) -> Reading[None]:
        """Take what follows `opener` ("" where the answer began without), and give its calls to `output`.

        Raises BrokenError when it is no call.
        """
        ...

    def write(self, calls: Sequence[Call]) -> str:
        """The calls as the model would write them."""
        ...

    def forced(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """An expression for one call, or with `parallel` for one or more, of `functions`, and nothing else."""
        ...

    def offered(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """An expression for an answer in which calls stand among free text, as many as there are."""
        ...
