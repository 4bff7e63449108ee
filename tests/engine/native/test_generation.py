"""The whole engine over the embedded model: structure, not wit."""

import functools
import json

import pytest

from labkit.engine.engine import Engine
from labkit.engine.native.backend import NativeBackend
from labkit.engine.types import Constraint, EngineConfig, GenerationRequest, SamplingParams
from labkit.errors import InvalidRequestError
from labkit.resources import embedded_model

GREEDY = SamplingParams(temperature=0)
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "maximum": 999}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def prompt(backend, text):
    return tuple(backend.model.tokenize(f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"))


def run(backend, *requests):
    """(text, last event) of every request, generated together."""
    events = []
    backend.prepare()
    engine = Engine(backend, events.extend, check_integrity=True)
    for request in requests:
        engine.submit(request)
    while sum(event.is_last for event in events) < len(requests):
        engine.step()
    return {
        request.request_id: (
            "".join(event.text for event in events if event.request_id == request.request_id),
            next(event for event in events if event.request_id == request.request_id and event.is_last),
        )
        for request in requests
    }


@pytest.fixture
def generate(backend):
    return functools.partial(run, backend)


def test_together_or_alone_a_greedy_answer_is_the_same(backend, generate):
    texts = ["What is labkit?", "12 + 30 =", "Say hello to Bob", "Repeat: red green blue", "Hi", "List 3 colours"]
    requests = [GenerationRequest(str(n), prompt(backend, text), GREEDY, 24) for n, text in enumerate(texts)]
    together = generate(*requests)
    for request in requests:
        assert generate(request)[request.request_id][0] == together[request.request_id][0]


def test_no_end_comes_before_the_least_number_of_tokens(backend, generate):
    text = prompt(backend, "Hi")
    _, natural = generate(GenerationRequest("a", text, GREEDY, 60))["a"]
    count = natural.usage.completion_tokens
    assert natural.stop_cause == "end_of_generation"
    assert count < 50
    for sampling in (GREEDY, SamplingParams(temperature=1.5, seed=2)):
        _, last = generate(GenerationRequest("a", text, sampling, 60, min_tokens=count + 5, logprobs=2))["a"]
        assert last.usage.completion_tokens > count + 5
    never = tuple(range(backend.model.vocab_size))
    _, last = generate(GenerationRequest("a", text, GREEDY, 9, min_tokens=3, stop_token_ids=never))["a"]
    assert (last.usage.completion_tokens, last.stop_cause) == (4, "stop_token")


def test_a_language_that_is_complete_ends_before_the_least_number_of_tokens(backend, generate):
    constraint = Constraint("choice", '["7", "8"]')
    request = GenerationRequest("a", prompt(backend, "?"), GREEDY, 20, min_tokens=10, constraint=constraint)
    text, last = generate(request)["a"]
    assert (text in ("7", "8"), last.stop_cause) == (True, "constraint_complete")


def test_control_tokens_are_text_where_they_are_asked_for(backend, generate):
    marker = backend.model.tokenize("<|im_start|>")[0]
    forced = SamplingParams(temperature=0, logit_bias=((marker, 100.0),))
    shown = GenerationRequest("a", (5, 6), forced, 3, show_control=True, logprobs=0)
    hidden = GenerationRequest("b", (5, 6), forced, 3)
    found = generate(shown, hidden)
    assert (found["a"][0], found["b"][0]) == ("<|im_start|>" * 3, "")


def test_a_seed_repeats_and_another_one_differs(backend, generate):
    def answer(seed):
        sampling = SamplingParams(temperature=3.0, seed=seed)
        return generate(GenerationRequest("a", prompt(backend, "Hi"), sampling, 30, ignore_eos=True))["a"][0]

    assert answer(1) == answer(1)
    assert len({answer(seed) for seed in range(4)}) > 1


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_a_schema_is_always_met(backend, generate, temperature):
    constraint = Constraint("json_schema", json.dumps(SCHEMA))
    requests = [
        GenerationRequest(
            str(seed), prompt(backend, "?"), SamplingParams(temperature, seed=seed), 200, constraint=constraint
        )
        for seed in range(4)
    ]
    for text, last in generate(*requests).values():
        value = json.loads(text)
        assert last.finish_reason == "stop"
        assert list(value) == ["name", "age"]
        assert (type(value["name"]), type(value["age"])) == (str, int)


@pytest.mark.parametrize(
    "constraint",
    [
        Constraint("json_schema", '{"type": "objekt"}'),
        Constraint("json_schema", '{"$ref": "#/nowhere"}'),
        Constraint("json_schema", '{"$ref": "#"}'),
        Constraint("json_schema", '{"type": "integer", "minimum": 5, "maximum": 4}'),
        Constraint("lark", "start: ("),
        Constraint("lark", "root ::= ("),
        Constraint("lark", "start: " + "(" * 5000),
        Constraint("json_schema", '{"enum": [' + '"a",' * 100_000 + '"b"]}'),
    ],
)
def test_a_constraint_that_cannot_be_honoured_is_the_request_s_error(backend, generate, constraint):
    _, last = generate(GenerationRequest("a", prompt(backend, "?"), GREEDY, 5, constraint=constraint))["a"]
    assert isinstance(last.error, InvalidRequestError)
    assert generate(GenerationRequest("b", prompt(backend, "?"), GREEDY, 5))["b"][1].error is None


def test_logit_bias_bans_and_an_id_outside_the_vocabulary_is_refused(backend, generate):
    request = GenerationRequest("a", prompt(backend, "Hi"), GREEDY, 1)
    _, last = generate(request)["a"]
    first = last.tokens[0]
    banned = SamplingParams(temperature=0, logit_bias=((first, -100.0),))
    assert generate(GenerationRequest("b", request.prompt, banned, 1))["b"][1].tokens[0] != first
    outside = SamplingParams(logit_bias=((10**6, 1.0),))
    error = generate(GenerationRequest("c", request.prompt, outside, 1))["c"][1].error
    assert isinstance(error, InvalidRequestError)


def test_preempted_on_real_cells_the_text_stays_the_same():
    config = EngineConfig(context_tokens=768, num_slots=2, num_threads=1)
    backend = NativeBackend(embedded_model(), config)
    # Without max_tokens both are admitted; together they outgrow the cells, and the younger one is computed twice.
    ask = prompt(backend, "Hi")
    older = GenerationRequest("older", ask, SamplingParams(1.5, seed=5), None, ignore_eos=True)
    younger = GenerationRequest("younger", ask, SamplingParams(1.5, seed=6), None, ignore_eos=True)
    alone = run(backend, younger)["younger"][0]
    events = []
    backend.prepare()
    engine = Engine(backend, events.extend, config=config, check_integrity=True)
    engine.submit(older)
    engine.submit(younger)
    while sum(event.is_last for event in events) < 2:
        engine.step()
    text = "".join(event.text for event in events if event.request_id == "younger")
    backend.release()
    counters = engine.stats().counters
    assert counters is not None
    assert counters.preemptions
    assert not any(event.error for event in events)
    assert text[:500] == alone[:500]
