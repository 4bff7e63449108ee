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


@dataclass(frozen=True, slots=True)
class CacheBudget:
    """Bytes for finished sequences: on the device (None: all cells that are free) and in the process's memory.

    Where the model runs on the processor, both are the same memory, and a finished sequence is better copied out:
    every kept cell slows every later token, because attention walks over it (benchmarks/kept_cells.py), and copying
    it back takes microseconds (benchmarks/prefix_restore.py). Memory that only whole sequences can be copied
    from stays where it is: there are few of them.
    """

    device_bytes: int | None
    host_bytes: int


HOST_CACHE_BYTES = 1 << 30
HOST_CACHE_SHARE = 8
"""One part in so many of the free memory, at most, unless the user says otherwise."""


def cache_budget(config: EngineConfig, *, on_accelerator: bool, forks_anywhere: bool, free_bytes: int) -> CacheBudget:
    """What `config` asks for, and the defaults where it is silent. `free_bytes`: of the system's memory. Pure."""
    host = config.host_cache_bytes
    if host is None:
        most = HOST_CACHE_BYTES if config.host_cache_limit_bytes is None else config.host_cache_limit_bytes
        host = 0 if on_accelerator else min(HOST_CACHE_BYTES, most, free_bytes // HOST_CACHE_SHARE)
    device = config.cache_bytes
    if device is None and host and forks_anywhere and not on_accelerator:
        device = 0
    return CacheBudget(device, host)


def cells_of_budget(budget_bytes: int | None, cell_bytes: int) -> int | None:
    """KV cells that a budget pays for; None where nothing bounds them."""
    return None if budget_bytes is None or not cell_bytes else budget_bytes // cell_bytes
