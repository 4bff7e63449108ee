"""Answers of the embedded model under constraints, through the whole engine: many at once, at temperature 1."""

import json

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.random_schemas import schemas
from labkit.engine.drafting import PromptDrafter
from labkit.engine.engine import Engine
from labkit.engine.speculation import Speculation
from labkit.engine.types import Constraint, GenerationRequest, SamplingParams
from labkit.errors import InvalidRequestError

ASK = "<|im_start|>user\nAnna is 12 and lives in Bern<|im_end|>\n<|im_start|>assistant\n"
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "kind": {"const": "person of some importance"}},
    "required": ["name", "kind"],
    "additionalProperties": False,
}


def run(backend, requests):
    events = []
    backend.prepare()
    engine = Engine(backend, events.extend, proposals=Speculation(PromptDrafter()), check_integrity=True)
    for request in requests:
        engine.submit(request)
    while sum(event.is_last for event in events) < len(requests):
        engine.step()
    texts = {request.request_id: "" for request in requests}
    for event in events:
        texts[event.request_id] += event.text
    return [(texts[event.request_id], event) for event in events if event.is_last]


def requests_for(backend, constraints, **fields):
    prompt = tuple(backend.model.tokenize(ASK))
    return [
        GenerationRequest(str(n), prompt, SamplingParams(temperature=1.0, seed=n), 120, constraint=constraint, **fields)
        for n, constraint in enumerate(constraints)
    ]


@settings(max_examples=20, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several=st.lists(schemas, min_size=4, max_size=4))
def test_whole_answers_validate_and_cut_ones_say_so(backend, several):
    constraints = [Constraint("json_schema", json.dumps(schema)) for schema in several]
    for text, last in run(backend, requests_for(backend, constraints)):
        if last.finish_reason == "stop":
            jsonschema.validate(json.loads(text), several[int(last.request_id)])
        elif last.finish_reason is None:
            assert isinstance(last.error, InvalidRequestError)
        else:
            assert (last.finish_reason, last.usage.completion_tokens) == ("length", 120)


def test_forced_text_is_drafted_and_agreed_with(backend):
    constraints = [Constraint("json_schema", json.dumps(PERSON))] * 2
    for text, last in run(backend, requests_for(backend, constraints)):
        jsonschema.validate(json.loads(text), PERSON)
        assert last.usage.accepted_tokens > 0


@pytest.mark.parametrize("stop", ["importance", " of some im"])
def test_a_stop_text_inside_a_constrained_answer_ends_it_there(backend, stop):
    constraints = [Constraint("json_schema", json.dumps(PERSON))]
    ((text, last),) = run(backend, requests_for(backend, constraints, stop=(stop,)))
    assert last.finish_reason == "stop"
    assert stop not in text
    assert text.startswith('{"name": "')
    assert text.endswith(PERSON["properties"]["kind"]["const"].partition(stop)[0])


def test_a_grammar_that_fails_in_mid_answer_fails_alone(backend):
    hostile = Constraint("lark", 'start: /[xy]/ A\nA: B{1000}\nB: C{1000}\nC: "a"')
    fine = Constraint("json_schema", json.dumps(PERSON))
    found = {last.request_id: (text, last) for text, last in run(backend, requests_for(backend, [hostile, fine]))}
    error = found["0"][1].error
    assert isinstance(error, InvalidRequestError)
    assert error.code == "constraint_too_complex"
    jsonschema.validate(json.loads(found["1"][0]), PERSON)
