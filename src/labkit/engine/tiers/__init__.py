"""Second and third tier of the prefix cache: host memory and disk. Knows bytes and tokens, not llama.cpp."""

from labkit.engine.tiers.identity import Identity, model_digest
from labkit.engine.tiers.tiers import PrefixTiers, StoredPrefix, TierStats

__all__ = ["Identity", "PrefixTiers", "StoredPrefix", "TierStats", "model_digest"]
