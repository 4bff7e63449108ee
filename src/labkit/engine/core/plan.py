"""What one forward computes: a plain value, so that planning can be tested without a model."""

from collections.abc import Iterator
from dataclasses import dataclass

from labkit.engine.core.sequence import Sequence
from labkit.engine.types import AdapterUse


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive tokens of one sequence.

    Attributes:
        start: position of the first one.
        num_tokens: known tokens, from `sequence.tokens`.
        draft: proposed tokens that follow them; each one, and the last known one, gets logits.
        wants_logits: a token is sampled after the span (its last known token gets logits).
        scores: every known token gets logits, for the log-probabilities of the prompt. There is no draft then.
    """

    sequence: Sequence
    start: int
    num_tokens: int
    wants_logits: bool
    draft: tuple[int, ...] = ()
    scores: bool = False

    @property
    def num_logits(self) -> int:
        """Rows of logits: those of its last entries."""
        if self.scores:
            return self.num_tokens
        return 1 + len(self.draft) if self.wants_logits else 0

    @property
    def length(self) -> int:
        """Batch entries of the span."""
        return self.num_tokens + len(self.draft)


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Spans of one forward, decode first; all their sequences use the same adapters."""

    spans: tuple[Span, ...] = ()
    adapters: tuple[AdapterUse, ...] = ()

    @property
    def num_tokens(self) -> int:
        """Tokens of the whole forward."""
        return sum(span.length for span in self.spans)

    @property
    def num_logits(self) -> int:
        """Rows of logits of the whole forward."""
        return sum(span.num_logits for span in self.spans)

    def placed(self) -> Iterator[tuple[Span, int]]:
        """(span, batch index of its first token) for every span."""
        end = 0
        for span in self.spans:
            yield span, end
            end += span.length
