"""What the engine has done and holds: counters that the loop owns, and snapshots for everybody else."""

from dataclasses import dataclass, replace

from labkit.engine.core.scheduler import Scheduler
from labkit.engine.types import CacheTier


@dataclass(slots=True)
class Counters:
    """Totals since the start. Only the loop changes them.

    Attributes:
        prompt_tokens, cached_tokens: of all admitted prompts, and those of them that were not computed.
        device_hits, host_hits, disk_hits: prompts that found a beginning in each tier.
        drafted_tokens, accepted_tokens: proposed by speculation, and those the model agreed with.
        audited, audit_failures: cache hits computed again cold, and those whose logits were not the same.
        num_steps, num_sequences: forwards, and the sequences in them, summed.
    """

    num_steps: int = 0
    num_sequences: int = 0
    finished: int = 0
    failed: int = 0
    preemptions: int = 0
    interruptions: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    device_hits: int = 0
    host_hits: int = 0
    disk_hits: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    audited: int = 0
    audit_failures: int = 0

    def count_admission(self, num_prompt: int, num_cached: int, tier: CacheTier | None) -> None:
        """A prompt was admitted, with so many tokens from `tier`."""
        self.prompt_tokens += num_prompt
        self.cached_tokens += num_cached
        self.device_hits += tier == "device"
        self.host_hits += tier == "host"
        self.disk_hits += tier == "disk"


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A snapshot; `last_step` is a `time.monotonic()` value.

    Attributes:
        num_cells, running_cells, cached_cells: KV cells in all, held by running sequences, and held only by
            finished ones.
        cached_slots: finished sequences that are kept.
        forks: "anywhere" where any beginning of a sequence can be shared, "whole" where the model's memory
            (recurrent, hybrid, sliding window) can only be copied where a sequence stands.
    """

    num_running: int
    num_waiting: int
    last_step: float
    num_cells: int = 0
    running_cells: int = 0
    cached_cells: int = 0
    cached_slots: int = 0
    forks: str = "anywhere"
    counters: Counters | None = None


def snapshot(scheduler: Scheduler, counters: Counters, last_step: float) -> EngineStats:
    """What is so now. Any thread may ask; taken in mid-step it may be a step old."""
    cache = scheduler.cache
    used = cache.tree.num_cells
    running = min(sum(sequence.num_computed for sequence in list(scheduler.running)), used)
    return EngineStats(
        num_running=len(scheduler.running),
        num_waiting=len(scheduler.waiting),
        last_step=last_step,
        num_cells=cache.num_cells,
        running_cells=running,
        cached_cells=used - running,
        cached_slots=cache.num_cached_slots,
        forks="anywhere" if cache.forks_anywhere else "whole",
        counters=replace(counters),
    )
