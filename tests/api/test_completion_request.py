import pytest

from labkit.api.completion_request import parse_completion_call, parse_native_call
from labkit.api.schemas.completion import CompletionBody, NativeCompletionBody
from labkit.api.schemas.fields import HARMLESS, REFUSED_IN_COMPLETIONS, REFUSED_IN_NATIVE_COMPLETIONS
from labkit.engine.types import Constraint
from labkit.errors import InvalidRequestError


def call(strict=False, **fields):
    return parse_completion_call({"model": "m", "prompt": "hi", **fields}, "id", strict=strict)


def native(**fields):
    return parse_native_call({"prompt": "hi", **fields}, "id", "only")


def refused(ask=call, **fields):
    with pytest.raises(InvalidRequestError) as caught:
        ask(**fields)
    return caught.value


def test_a_bare_request_has_openais_defaults():
    parsed = call()
    asked = parsed.operation
    assert (asked.prompt, asked.max_tokens, asked.num_choices, asked.logprobs) == ("hi", 16, 1, None)
    assert (asked.echo, asked.suffix, parsed.more, parsed.stream) == (False, None, (), False)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a", ["a"]),
        ("", [""]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [(1, 2)]),
        ([[1, 2], [3]], [(1, 2), (3,)]),
        (["a", [3]], ["a", (3,)]),
    ],
)
def test_a_prompt_has_four_shapes(prompt, expected):
    parsed = call(prompt=prompt, n=2)
    operations = (parsed.operation, *parsed.more)
    assert [operation.prompt for operation in operations] == expected
    assert {operation.num_choices for operation in operations} == {2}
    assert len({operation.request_id for operation in operations}) == len(expected)


@pytest.mark.parametrize(
    ("prompt", "param"),
    [
        (None, "prompt"),
        ([], "prompt"),
        (5, "prompt"),
        ([[]], "prompt[0]"),
        (["a", 5], "prompt[1]"),
        ([1, "a"], "prompt[0]"),
        ([True], "prompt"),
        ([-1], "prompt"),
        (["a"] * 2049, "prompt"),
    ],
)
def test_other_shapes_are_refused_by_place(prompt, param):
    assert refused(prompt=prompt).param == param


def test_fields_of_completions_reach_the_worker():
    asked = call(max_tokens=0, echo=True, logprobs=5, min_tokens=0, stop_token_ids=[3], seed=1).operation
    assert (asked.max_tokens, asked.echo, asked.logprobs, asked.stop_token_ids) == (0, True, 5, (3,))
    assert call(suffix="end").operation.suffix == "end"
    schema = call(response_format={"type": "json_object"}).operation.constraint
    assert schema == Constraint("json_object", "", "response_format")
    assert call(guided_json={"type": "null"}).operation.constraint == Constraint(
        "json_schema", '{"type": "null"}', "guided_json"
    )


def test_best_of_is_generated_with_logprobs_to_choose_by():
    parsed = call(n=2, best_of=4)
    assert (parsed.operation.num_choices, parsed.num_best, parsed.operation.logprobs) == (4, 2, 0)
    assert parsed.logprobs is None
    assert call(n=2, best_of=2).operation.logprobs is None
    assert refused(n=2, best_of=1).param == "best_of"
    assert refused(best_of=2, stream=True).param == "best_of"
    assert refused(best_of=9).param == "best_of"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logprobs": 21}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"echo": True, "suffix": "x"}, "suffix"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"tools": [{}]}, "tools"),
        ({"max_completion_tokens": 3}, "max_completion_tokens"),
        ({"stream_options": {}}, "stream_options"),
        ({"model": None}, "model"),
    ],
)
def test_wrong_values_are_refused_by_name(fields, param):
    assert refused(**fields).param == param


@pytest.mark.parametrize("name", sorted(REFUSED_IN_COMPLETIONS))
def test_what_is_not_supported_is_refused_unless_it_asks_for_nothing(name):
    assert refused(**{name: "something else"}).param == name
    for default in (*REFUSED_IN_COMPLETIONS[name], None):
        assert call(**{name: default}).ignored == ()


def test_no_field_is_in_two_lists():
    for schema, table in (
        (CompletionBody, REFUSED_IN_COMPLETIONS),
        (NativeCompletionBody, REFUSED_IN_NATIVE_COMPLETIONS),
    ):
        assert not set(schema.model_fields) & set(table)
        assert not set(table) & HARMLESS


def test_harmless_and_unknown_fields_are_named_or_refused():
    assert call(user="me", mood=1).ignored == ("mood", "user")
    assert refused(strict=True, mood=1).param == "mood"


def test_llama_servers_words():
    parsed = native(n_predict=-1, n_probs=3, repeat_last_n=8, cache_prompt=False, seed=-1, logit_bias=[[5, False]])
    asked = parsed.operation
    assert (parsed.model, asked.max_tokens, asked.logprobs, asked.reuse) == ("only", None, 3, False)
    assert (asked.sampling.seed, asked.sampling.logit_bias, asked.sampling.penalty_window) == (None, ((5, -100),), 8)
    assert native(n_predict=0).operation.max_tokens == 0
    assert native(model="m", n_cmpl=3).operation.num_choices == 3
    assert native(json_schema={"type": "null"}).operation.constraint.kind == "json_schema"
    assert refused(native, return_progress=True).param == "return_progress"
    assert refused(native, n_predict=-2).param == "n_predict"
    assert native(max_tokens=7).operation.max_tokens == 7
