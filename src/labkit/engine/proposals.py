"""What the loop asks of speculation: tokens that may come next."""

from collections.abc import Callable
from typing import Protocol

from labkit.engine.core.sequence import Sequence

MAX_DRAFT_TOKENS = 16


class Proposals(Protocol):
    """Proposes drafts for decoding sequences and learns how they fared. Called from the loop's thread."""

    def propose(
        self,
        sequence: Sequence,
        forced: tuple[int, ...],
        num_decoding: int,
        seconds: Callable[[int], float | None],
    ) -> tuple[int, ...]:
        """Up to MAX_DRAFT_TOKENS tokens to try after the known ones; empty where that does not pay.

        `forced` are tokens that a constraint leaves no choice about; `num_decoding` sequences share the forward, and
        `seconds(num_tokens)` is what one costs.
        """
        ...

    def learn(self, sequence: Sequence, num_drafted: int, num_accepted: int, tokens: list[int]) -> None:
        """After a step: how much of the draft was right, and the tokens that were sampled."""
        ...

    def forget(self, sequence: Sequence) -> None:
        """The sequence has ended. Harmless when it is unknown."""
        ...
