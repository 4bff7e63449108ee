import json
import re

import jsonschema
import pytest

from fakes.random_writer import write
from labkit.engine.types import Constraint

CHOICES = ["a b", "c/d", 'e\n"f', "é-#&~", "$^.*", "\\d{2}", "a"]
CASES = {
    "regex": (Constraint("regex", r"[ab]{3}/(x|é+)\d"), lambda text: re.fullmatch(r"[ab]{3}/(x|é+)\d", text)),
    "choice": (Constraint("choice", json.dumps(CHOICES)), CHOICES.__contains__),
    "lark": (
        Constraint("lark", 'start: "<" word ("," word)* ">"\nword: /[a-z]{1,3}/'),
        lambda text: re.fullmatch(r"<[a-z]{1,3}(,[a-z]{1,3})*>", text),
    ),
    "gbnf": (
        Constraint("gbnf", 'root ::= "x" [a-c]{2} tail-part # why\ntail-part ::= "(" [^)0-9]? ")" | "\\n!" | root\n'),
        lambda text: re.fullmatch(r"(x[a-c]{2})+(\([^)0-9]?\)|\n!)", text),
    ),
    "json_schema": (
        Constraint("json_schema", '{"type": "array", "items": {"type": "integer"}, "maxItems": 3}'),
        lambda text: len(json.loads(text)) <= 3,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("draft", [False, True])
def test_each_kind_allows_its_own_texts_alone(compiler, model, name, draft):
    constraint, fits = CASES[name]
    texts = [write(compiler.compile(constraint), model, seed=seed, draft=draft) for seed in range(12)]
    finished = {text for text in texts if text is not None}
    assert len(finished) > 1
    assert all(fits(text) for text in finished)


def test_any_object_is_a_json_object(compiler, model):
    texts = [write(compiler.compile(Constraint("json_object")), model, seed=seed, most=400) for seed in range(30)]
    finished = [json.loads(text) for text in texts if text is not None]
    assert finished
    assert all(isinstance(value, dict) for value in finished)


def test_a_tool_call_is_forced_up_to_its_first_free_value(compiler, model):
    schema = {
        "type": "object",
        "properties": {
            "name": {"const": "get_weather"},
            "arguments": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
        "required": ["name", "arguments"],
    }
    text = json.dumps(schema)
    mask = compiler.compile(Constraint("lark", f"start: <tool_call> body </tool_call>\nbody: %json {text}"))
    assert [model.token_text(token) for token in mask.forced_tokens()] == ["<tool_call>"]
    mask.accept(*mask.forced_tokens())
    forced = b"".join(model.piece(token) for token in mask.forced_tokens()).decode()
    assert forced == ""
    strict = compiler.compile(Constraint("json_schema", text))
    forced = b"".join(model.piece(token) for token in strict.forced_tokens()).decode()
    assert forced.startswith('{"name": "get_weather", "arguments": {')
    texts = (write(compiler.compile(Constraint("json_schema", text)), model, seed=seed, most=300) for seed in range(40))
    jsonschema.validate(json.loads(next(text for text in texts if text is not None)), schema)


def test_a_special_token_by_number_is_no_repetition(compiler, model):
    token = model.vocab_size - 1
    mask = compiler.compile(Constraint("lark", f'start: "a" <[{token}]>'))
    assert mask.forced_tokens()[-1] == token
