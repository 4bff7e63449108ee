"""How large a forward may be for the sake of those that wait for its end. Pure."""

from labkit.engine.core.cost import CostModel
from labkit.engine.core.plan import BatchPlan
from labkit.engine.core.sequence import Sequence
from labkit.engine.types import AdapterUse

MIN_CHUNK_TOKENS = 128
"""Smaller prompt chunks cost more in repeated reading of the weights than they give to running streams."""
LONG_FORWARD_SECONDS = 0.2
"""A cancelled prompt interrupts a forward that is expected to take longer."""


def prefill_tokens(
    running: list[Sequence],
    adapters: tuple[AdapterUse, ...],
    cost: CostModel,
    *,
    batch_tokens: int,
    itl_target_seconds: float,
) -> int:
    """Prompt tokens of the next forward, so that running streams, also those of other adapters, keep their pace."""
    streams = [sequence for sequence in running if sequence.phase == "decode"]
    if not streams:
        return batch_tokens
    decoding = sum(sequence.request.adapters == adapters for sequence in streams)
    least = min(MIN_CHUNK_TOKENS + decoding, batch_tokens)
    return cost.tokens_within(itl_target_seconds, at_least=least, at_most=batch_tokens) - decoding


def worth_interrupting(plan: BatchPlan, cost: CostModel, *, can_rewind: bool) -> frozenset[str]:
    """The prompts of a long forward. Not where others would lose all they have, not only this forward's part."""
    expected = cost.seconds(plan.num_tokens)
    is_short = expected is not None and expected <= LONG_FORWARD_SECONDS
    if is_short or not (can_rewind or len(plan.spans) == 1):
        return frozenset()
    prompts = (span.sequence for span in plan.spans if span.sequence.phase == "prefill")
    return frozenset(sequence.request.request_id for sequence in prompts)
