"""The tiers behind the device, as the loop wants them: states of one model, by adapters and tenant."""

from collections.abc import Sequence

from labkit.engine.core import moves
from labkit.engine.slower_tiers import Found
from labkit.engine.tiers import Identity, PrefixTiers, StoredPrefix, TierStats

LEAST_GAIN_TOKENS = 8
"""A state is not worth loading for fewer tokens than that."""
MOST_LOADED_PER_GAINED = 32
"""Nor when more cells than that are loaded for each one gained: on a processor a cell from disk costs a small part of a
computed one (benchmarks/prefix_restore.py)."""


class SavedPrefixes:
    """Implements `labkit.engine.slower_tiers.SlowerTiers` over PrefixTiers. The loop alone calls it."""

    def __init__(self, tiers: PrefixTiers, *, model: str, build: str, context: Sequence[str] = ()) -> None:
        """`model`, `build`, `context`: as in `labkit.engine.tiers.Identity`. Closes `tiers` with itself."""
        self._tiers = tiers
        self._model = model
        self._build = build
        self._context = tuple(context)
        self._identities: dict[moves.Identity, Identity] = {}

    @property
    def outlives_engine(self) -> bool:
        """See SlowerTiers.outlives_engine: with a disk tier."""
        return self._tiers.has_disk

    def find(self, identity: moves.Identity, tokens: Sequence[int], limit: int, *, have: int) -> Found | None:
        """See SlowerTiers.find."""
        least = have + LEAST_GAIN_TOKENS
        if limit < least:
            return None
        stored = self._tiers.find(self._identity(identity), tokens[:limit], at_least=least)
        if stored is None or stored.stored_tokens > MOST_LOADED_PER_GAINED * (stored.num_tokens - have):
            return None
        return Found(stored.num_tokens, stored.stored_tokens, stored.tier, stored)

    def load(self, found: Found) -> bytes | None:
        """See SlowerTiers.load."""
        return self._tiers.load(found.key) if isinstance(found.key, StoredPrefix) else None

    def discard(self, found: Found) -> None:
        """See SlowerTiers.discard."""
        if isinstance(found.key, StoredPrefix):
            self._tiers.discard(found.key)

    def save(self, identity: moves.Identity, tokens: Sequence[int], state: bytes) -> None:
        """See SlowerTiers.save."""
        self._tiers.save(self._identity(identity), tokens, state)

    def stats(self) -> TierStats:
        """What the tiers hold, and what came of them."""
        return self._tiers.stats()

    def close(self) -> None:
        """See SlowerTiers.close. Waits 10 seconds at most."""
        self._tiers.close()

    def _identity(self, identity: moves.Identity) -> Identity:
        known = self._identities.get(identity)
        if known is None:
            if len(self._identities) >= 1024:
                self._identities.clear()
            known = Identity(self._model, self._build, self._context, identity.adapters, identity.tenant)
            self._identities[identity] = known
        return known
