"""One line of an explanation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A named amount: its value in words, how it comes about, and its bytes where it is memory.

    Attributes:
        low_bytes, high_bytes: None for what is not memory, or has no such bound.
    """

    name: str
    value: str
    how: str = ""
    low_bytes: int | None = None
    high_bytes: int | None = None
