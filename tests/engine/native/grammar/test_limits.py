import contextlib

import pytest

from fakes.hostile_constraints import ACCEPTED, REFUSED
from fakes.random_writer import write
from labkit.engine.native.grammar.limits import MAX_MULTIPLE, MAX_PROPERTIES, check_schema
from labkit.errors import InvalidRequestError


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_constraint_is_the_request_s_error(compiler, name):
    with pytest.raises(InvalidRequestError) as refusal:
        compiler.compile(REFUSED[name])
    assert refusal.value.code in ("unsupported_schema", "constraint_too_complex")
    assert refusal.value.param == "response_format"
    assert refusal.value.hint
    assert len(refusal.value.message) < 300
    assert "<state>" not in refusal.value.message


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_burden_is_carried_or_put_down_with_an_error_of_ours(compiler, model, name):
    mask = compiler.compile(ACCEPTED[name])
    with contextlib.suppress(InvalidRequestError):
        write(mask, model, most=40)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {f"k{n}": {} for n in range(MAX_PROPERTIES)}},
        {"multipleOf": MAX_MULTIPLE - 1},
        {"properties": {"a": {"multipleOf": 0.01}, "b": {"multipleOf": 5}, "c": {"multipleOf": 1e6}}},
        {"multipleOf": True, "pattern": 5, "properties": None, "required": 3},
    ],
)
def test_what_is_at_the_limit_passes(schema):
    check_schema(schema, "response_format")


def test_the_message_says_what_is_too_many_and_how_many_are_allowed(compiler):
    with pytest.raises(InvalidRequestError, match="8000 entries of 'properties', the limit is 1000"):
        compiler.compile(REFUSED["8,000 properties"])
