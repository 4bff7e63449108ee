"""Log-probabilities of prompts over the embedded model: the same numbers whatever else the engine does."""

import numpy as np
import pytest

from labkit.engine.engine import Engine
from labkit.engine.native.context import NativeContext
from labkit.engine.types import GenerationRequest, SamplingParams

GREEDY = SamplingParams(temperature=0)
TEXT = "<|im_start|>user\nWhat can labkit do for me on a small machine, and what does it need?<|im_end|>\n" * 6
SMALL_PIECES = (1, 40)


@pytest.fixture(scope="module")
def prompt(backend):
    tokens = tuple(backend.model.tokenize(TEXT))
    assert len(tokens) > 150
    return tokens


@pytest.fixture(scope="module")
def direct(backend, prompt):
    """Of each token from the second on, by hand: all logits, and their softmax in double precision."""
    found = {}
    for size in SMALL_PIECES:
        context = NativeContext(backend.model, context_tokens=1024, num_threads=1, max_logits=64)
        logits = []
        for start in range(0, len(prompt), size):
            piece = prompt[start : start + size]
            context.batch.clear()
            context.batch.add(piece, start, 0, wants_logits=True, num_logits=len(piece))
            context.forward()
            logits += [context.logits(row).astype(np.float64) for row in range(len(piece))]
        context.close()
        found[size] = [row[token] - np.logaddexp.reduce(row) for row, token in zip(logits, prompt[1:], strict=False)]
    assert found[1] == pytest.approx(found[40], abs=1e-6)
    return found[1]


def run(backend, requests, steps_between=0):
    events = []
    backend.prepare()
    engine = Engine(backend, events.extend, check_integrity=True)
    for request in requests:
        engine.submit(request)
        for _ in range(steps_between):
            engine.step()
    while sum(event.is_last for event in events) < len(requests):
        engine.step()
    return {request.request_id: [e for e in events if e.request_id == request.request_id] for request in requests}


def scored(events):
    return [each.logprob for event in events for each in event.prompt_logprobs]


def test_they_are_those_of_a_direct_evaluation(backend, prompt, direct):
    request = GenerationRequest("a", prompt, GREEDY, max_tokens=0, prompt_logprobs=2)
    (event,) = run(backend, [request])["a"]
    assert (event.finish_reason, event.stop_cause, event.text) == ("length", "max_tokens", "")
    assert (event.usage.prompt_tokens, event.usage.completion_tokens) == (len(prompt), 0)
    assert scored([event]) == pytest.approx(direct, abs=1e-4)
    assert [each.token for each in event.prompt_logprobs] == list(prompt[1:])
    for each in event.prompt_logprobs:
        assert len(each.top) == 2
        assert each.top[0][1] >= each.top[1][1]
        assert each.top[0][1] >= each.logprob


def test_company_prefixes_in_the_cache_and_other_prompts_do_not_change_them(backend, prompt, direct):
    kept = GenerationRequest("kept", prompt, GREEDY, max_tokens=2)
    talk = [GenerationRequest(f"t{n}", prompt[n : n + 90], GREEDY, 40, ignore_eos=True) for n in range(2)]
    asked = [
        GenerationRequest(f"s{n}", prompt, GREEDY, max_tokens=n, prompt_logprobs=0, ignore_eos=True) for n in (0, 3)
    ]
    found = run(backend, [kept, *talk, *asked], steps_between=3)
    for request in asked:
        events = found[request.request_id]
        assert scored(events) == scored(events[:1]) == pytest.approx(direct, abs=1e-4)
        assert events[-1].usage.cached_tokens == 0
        assert events[-1].company.most >= 1


def test_an_answer_scored_afterwards_has_the_numbers_it_was_written_with(backend, prompt):
    written = run(backend, [GenerationRequest("w", prompt[:40], GREEDY, 50, ignore_eos=True, logprobs=0)])["w"]
    tokens = tuple(token for event in written for token in event.tokens)
    logprobs = [each.logprob for event in written for each in event.logprobs]
    again = GenerationRequest("a", prompt[:40] + tokens, max_tokens=0, prompt_logprobs=0)
    assert scored(run(backend, [again])["a"])[39:] == pytest.approx(logprobs, abs=1e-4)


def test_a_prompt_may_fill_the_whole_context_where_nothing_is_to_come(backend, prompt):
    full = (prompt * 10)[: backend.sequence_tokens]
    (event,) = run(backend, [GenerationRequest("a", full, max_tokens=0, prompt_logprobs=0)])["a"]
    assert len(event.prompt_logprobs) == len(full) - 1


def test_one_token_has_nothing_before_it(backend):
    (event,) = run(backend, [GenerationRequest("a", (5,), max_tokens=0, prompt_logprobs=3)])["a"]
    assert event.prompt_logprobs == ()
