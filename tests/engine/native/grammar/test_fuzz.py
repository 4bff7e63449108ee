"""Whatever is thrown at the compiler: a mask or an error of ours; and what a schema lets through, it validates."""

import contextlib
import json

import jsonschema
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fakes.random_schemas import noise, pieces, schemas
from fakes.random_writer import write
from labkit.engine.types import Constraint
from labkit.errors import InvalidRequestError

# One compiler for all examples: what it remembers does not change what it answers.
bounded = settings(
    max_examples=150, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@bounded
@given(schema=schemas, seed=st.integers(0, 99))
def test_what_a_schema_lets_through_it_validates(compiler, model, schema, seed):
    with contextlib.suppress(InvalidRequestError):
        text = write(
            compiler.compile(Constraint("json_schema", json.dumps(schema))), model, seed=seed, draft=seed % 2 == 0
        )
        if text is not None:
            jsonschema.validate(json.loads(text), schema)


@bounded
@given(value=noise)
@example(value={"type": "string", "pattern": "\ud800"})
def test_noise_in_place_of_a_schema(compiler, model, value):
    with contextlib.suppress(InvalidRequestError):
        write(compiler.compile(Constraint("json_schema", json.dumps(value))), model, most=10)


@bounded
@given(kind=st.sampled_from(["lark", "gbnf", "regex", "choice"]), parts=pieces, joint=st.sampled_from(["", " "]))
def test_noise_in_place_of_a_grammar(compiler, model, kind, parts, joint):
    with contextlib.suppress(InvalidRequestError):
        write(compiler.compile(Constraint(kind, joint.join(parts))), model, most=10)


@bounded
@given(kind=st.sampled_from(["lark", "gbnf", "regex", "choice", "json_schema"]), text=st.text(max_size=40))
def test_any_text(compiler, model, kind, text):
    with contextlib.suppress(InvalidRequestError):
        write(compiler.compile(Constraint(kind, text)), model, most=10)
