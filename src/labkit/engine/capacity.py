"""How many sequences and rows of logits a context is made for: one rule for the backend and the memory estimate."""

from dataclasses import dataclass

from labkit.engine.types import EngineConfig

MAX_SLOTS = 256
"""llama.cpp's LLAMA_MAX_SEQ."""
CACHED_SLOTS = 64
CACHED_STATES = 4
"""Cached sequences of a model whose memory grows with each slot (recurrent state, sliding windows), at most."""
LOGITS_PER_SEQUENCE = 17
"""A token and 16 drafted ones."""
MAX_LOGITS = 128


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one context holds.

    Attributes:
        max_running: sequences that run at once.
        num_slots: running and cached ones (`n_seq_max`).
        max_logits: rows of logits of one forward (`n_outputs_max`, which llama.cpp wants at `n_seq_max` or above).
    """

    max_running: int
    num_slots: int
    max_logits: int


def capacity_of(config: EngineConfig, *, is_full_attention: bool) -> Capacity:
    """The capacity that `config` asks for, within llama.cpp's limits. Pure."""
    running = max(1, min(config.num_slots, MAX_SLOTS))
    default = CACHED_SLOTS if is_full_attention else min(running, CACHED_STATES)
    wanted = default if config.cached_slots is None else config.cached_slots
    slots = running + max(0, min(wanted, MAX_SLOTS - running))
    speculative = min(config.batch_tokens, running * LOGITS_PER_SEQUENCE, MAX_LOGITS)
    return Capacity(running, slots, max(slots, speculative))
