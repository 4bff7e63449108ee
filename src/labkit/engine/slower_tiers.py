"""What the loop asks of the tiers behind the device: sequences that were saved, by what they begin with."""

from dataclasses import dataclass
from typing import Any, Protocol

from labkit.engine.core.moves import Identity
from labkit.engine.types import CacheTier


@dataclass(frozen=True, slots=True)
class Found:
    """A saved sequence of `num_stored` tokens, the first `num_tokens` of which are wanted; `key` is the tier's own."""

    num_tokens: int
    num_stored: int
    tier: CacheTier
    key: Any


class SlowerTiers(Protocol):
    """Saved sequences in host memory and on disk. Called from the loop's thread."""

    @property
    def outlives_engine(self) -> bool:
        """Whether what is saved serves a later engine too: then everything is saved at the end."""
        ...

    def find(self, identity: Identity, tokens: list[int], limit: int, *, have: int) -> Found | None:
        """A saved sequence that shares clearly more than `have` of the first `limit` tokens; None otherwise."""
        ...

    def load(self, found: Found) -> bytes | None:
        """The saved state; None when it is gone or damaged, and the prompt is computed instead."""
        ...

    def discard(self, found: Found) -> None:
        """Forget a state: the backend did not take it."""
        ...

    def save(self, identity: Identity, tokens: tuple[int, ...], state: bytes) -> None:
        """Keep a state. Returns at once; never raises for a full disk."""
        ...

    def close(self) -> None:
        """Finish writing."""
        ...
