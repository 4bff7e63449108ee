"""How a model's reasoning is marked in its text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thinking:
    """Reasoning between markers.

    Attributes:
        opens, closes: texts that begin and end it.
        is_certain: the family reasons whatever its template says; else a template without the marker is one of a model
            that does not.
        calls_end_it: a call ends it too.
        space: what stands between the end and the answer.
    """

    opens: tuple[str, ...] = ("<think>",)
    closes: tuple[str, ...] = ("</think>",)
    is_certain: bool = False
    calls_end_it: bool = False
    space: str = "\n\n"
