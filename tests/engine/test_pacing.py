from labkit.engine.core.cost import CostModel
from labkit.engine.core.plan import BatchPlan, Span
from labkit.engine.core.sequence import Sequence
from labkit.engine.pacing import MIN_CHUNK_TOKENS, prefill_tokens, worth_interrupting
from labkit.engine.types import AdapterUse, GenerationRequest


def sequence(name, *, decodes, adapters=()):
    found = Sequence(GenerationRequest(name, (1, 2, 3), adapters=adapters), arrived=0.0, slot=0)
    if decodes:
        found.tokens.append(4)
        found.num_computed = 3
    return found


def cost(seconds_per_token):
    model = CostModel()
    for size in (1, 10, 100, 1000):
        model.observe(size, size * seconds_per_token)
    return model


def room(running, model, adapters=()):
    return prefill_tokens(running, adapters, model, batch_tokens=1000, itl_target_seconds=0.5)


def test_without_streams_a_prompt_takes_the_whole_forward():
    assert room([sequence("a", decodes=False)], cost(0.01)) == 1000


def test_beside_streams_it_takes_what_keeps_their_pace_and_never_too_little():
    streams = [sequence("a", decodes=True), sequence("b", decodes=True, adapters=(AdapterUse("x"),))]
    assert room(streams, cost(0.001)) == 499
    assert room(streams, cost(0.1)) == MIN_CHUNK_TOKENS
    assert room(streams, cost(0.001), adapters=(AdapterUse("y"),)) == 500


def test_prompts_of_long_forwards_are_worth_interrupting():
    prompt, stream = sequence("p", decodes=False), sequence("s", decodes=True)
    alone = BatchPlan((Span(prompt, 0, 3, wants_logits=True),))
    both = BatchPlan((Span(stream, 3, 1, wants_logits=True), *alone.spans))
    assert worth_interrupting(both, cost(1.0), can_rewind=True) == {"p"}
    assert worth_interrupting(both, cost(1.0), can_rewind=False) == set()
    assert worth_interrupting(alone, cost(1.0), can_rewind=False) == {"p"}
    assert worth_interrupting(both, cost(0.001), can_rewind=True) == set()
    assert worth_interrupting(both, CostModel(), can_rewind=True) == {"p"}
