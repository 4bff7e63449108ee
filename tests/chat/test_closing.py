from labkit.chat.closing import closed

NUMBER = {"type": "integer"}


def thing(**more):
    return {"type": "object", "properties": {"a": NUMBER}, **more}


def test_objects_have_what_they_declare_at_any_depth():
    shut = thing(additionalProperties=False)
    schema = thing(properties={"a": thing(), "b": {"type": "array", "items": thing()}}, **{"$defs": {"T": thing()}})
    found = closed(schema)
    assert found["additionalProperties"] is False
    assert found["properties"]["a"] == found["properties"]["b"]["items"] == found["$defs"]["T"] == shut
    assert "additionalProperties" not in schema
    assert closed({"anyOf": [thing(), {"type": "null"}]}) == {"anyOf": [shut, {"type": "null"}]}


def test_what_is_open_on_purpose_stays_open():
    for schema in (
        {"type": "object"},
        thing(additionalProperties=True),
        thing(additionalProperties=NUMBER),
        thing(patternProperties={"x": NUMBER}),
        thing(anyOf=[{"required": ["b"]}]),
        thing(allOf=[{"properties": {"b": NUMBER}}]),
        {"type": "object", "properties": {"c": thing(allOf=[thing()])}},
    ):
        assert closed(schema) == schema
