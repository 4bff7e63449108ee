from labkit.engine.types import AdapterUse, Constraint, GenerationRequest, SamplingOverrides, SamplingParams
from labkit.worker.choices import engine_requests
from labkit.worker.messages import Complete

DEFAULTS = SamplingParams(temperature=0.6, top_k=20)


def test_everything_a_message_asks_reaches_the_engine():
    message = Complete(
        request_id="r", prompt="ignored here", sampling=SamplingOverrides(temperature=0.0, seed=3), max_tokens=9,
        min_tokens=2, stop=("ignored here",), stop_token_ids=(5,), ignore_eos=True, logprobs=4,
        adapters=(AdapterUse("a", 0.5),), tenant="t", lane="batch", reuse=False,
    )  # fmt: skip
    constraint = Constraint("regex", "a+")
    (request,) = engine_requests(
        message, (1, 2), DEFAULTS, stop=("x",), constraint=constraint, prompt_logprobs=1, show_control=True
    )
    assert request == GenerationRequest(
        "r", (1, 2), SamplingParams(temperature=0.0, top_k=20, seed=3), max_tokens=9, min_tokens=2, stop=("x",),
        stop_token_ids=(5,), constraint=constraint, ignore_eos=True, logprobs=4, prompt_logprobs=1, show_control=True,
        adapters=(AdapterUse("a", 0.5),), tenant="t", lane="batch", reuse=False,
    )  # fmt: skip


def test_each_choice_is_a_request_with_a_seed_of_its_own():
    message = Complete(request_id="r", prompt="", sampling=SamplingOverrides(seed=7), num_choices=3)
    requests = engine_requests(message, (1,), DEFAULTS)
    assert [(each.request_id, each.sampling.seed) for each in requests] == [("r#0", 7), ("r#1", 8), ("r#2", 9)]


def test_without_a_seed_every_choice_draws_one():
    message = Complete(request_id="r", prompt="", num_choices=2)
    assert [each.sampling.seed for each in engine_requests(message, (1,), DEFAULTS)] == [None, None]
