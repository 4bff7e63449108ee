"""What one forward computes: a plain value, so that planning can be tested without a model."""

from dataclasses import dataclass

from labkit.engine.core.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive tokens of one sequence.

    Attributes:
        start: position of the first one.
        wants_logits: the last token of the span gets logits, and a token is sampled from them.
    """

    sequence: Sequence
    start: int
    num_tokens: int
    wants_logits: bool


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Spans of one forward, decode first."""

    spans: tuple[Span, ...] = ()

    @property
    def num_tokens(self) -> int:
        """Tokens of the whole forward."""
        return sum(span.num_tokens for span in self.spans)

    def logits_rows(self) -> list[tuple[Sequence, int]]:
        """(sequence, index of its logits row in the batch) for every sequence that samples a token."""
        rows: list[tuple[Sequence, int]] = []
        end = 0
        for span in self.spans:
            end += span.num_tokens
            if span.wants_logits:
                rows.append((span.sequence, end - 1))
        return rows
