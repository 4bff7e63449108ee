"""What the loop asks for drafts, whoever makes them."""

from collections.abc import Sequence
from typing import Protocol

from labkit.engine.drafting.lookup import PromptLookup


class Drafter(Protocol):
    """Proposes tokens for running sequences. The loop alone calls it."""

    @property
    def is_free(self) -> bool:
        """Whether a proposal costs next to nothing, so that it is also made to see whether it would be right."""
        ...

    def propose(self, sequence_id: str, tokens: Sequence[int], max_tokens: int) -> tuple[int, ...]:
        """At most `max_tokens` tokens that may follow `tokens`, the whole sequence so far."""
        ...

    def forget(self, sequence_id: str) -> None:
        """The sequence is over. Harmless when it is unknown."""
        ...


class PromptDrafter:
    """A Drafter by prompt look-up: an index for each sequence, kept up with its tokens."""

    is_free = True

    def __init__(self) -> None:
        self._lookups: dict[str, PromptLookup] = {}

    def propose(self, sequence_id: str, tokens: Sequence[int], max_tokens: int) -> tuple[int, ...]:
        """See Drafter.propose. `tokens` must go on from those of the last call; the first one indexes the prompt."""
        lookup = self._lookups.get(sequence_id)
        if lookup is None or len(lookup) > len(tokens):
            lookup = self._lookups[sequence_id] = PromptLookup()
        lookup.extend(tokens[len(lookup) :])
        return lookup.propose(max_tokens)

    def forget(self, sequence_id: str) -> None:
        """See Drafter.forget."""
        self._lookups.pop(sequence_id, None)
