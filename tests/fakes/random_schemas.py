"""Random JSON schemas of the keywords that constraints honour, and random noise for the same places."""

from hypothesis import strategies as st

_names = st.sampled_from(["a", "b", "name", "käse", 'q"', "x y"])
_numbers = st.integers(-1000, 1000)


@st.composite
def _integers(draw):
    low = draw(st.none() | _numbers)
    high = draw(st.none() | st.integers(low if low is not None else -1000, 2000))
    bounds = {"minimum": low, "maximum": high}
    return {"type": draw(st.sampled_from(["integer", "number"])), **_given(bounds)}


@st.composite
def _strings(draw):
    if draw(st.booleans()):
        formats = ["date", "time", "date-time", "uuid", "email", "ipv4", "hostname"]
        return {"type": "string", "format": draw(st.sampled_from(formats))}
    if draw(st.booleans()):
        return {"type": "string", "pattern": draw(st.sampled_from(["^[a-c]{1,3}$", "^x|y$", r"^\d+[.]\d$", "z+"]))}
    low = draw(st.none() | st.integers(0, 4))
    return {"type": "string", **_given({"minLength": low, "maxLength": draw(st.none() | st.integers(low or 0, 6))})}


_leaves = st.one_of(
    _integers(),
    _strings(),
    st.sampled_from([{"type": "null"}, {"type": "boolean"}, {"const": [1, {"a": None}]}, {"const": "é\n"}]),
    st.builds(lambda values: {"enum": values}, st.lists(_numbers | _names | st.none(), min_size=1, unique=True)),
    st.just({"type": ["integer", "null"]}),
)


def _grown(inner):
    objects = st.builds(
        lambda properties, required, more: {
            "type": "object",
            "properties": properties,
            "required": [name for name in properties if name in required],
            "additionalProperties": more,
        },
        st.dictionaries(_names, inner, max_size=4),
        st.sets(_names),
        st.sampled_from([False, False, {"type": "boolean"}]),
    )
    arrays = st.builds(
        lambda items, low, more: {"type": "array", "items": items, "minItems": low, "maxItems": low + more},
        inner,
        st.integers(0, 2),
        st.integers(0, 2),
    )
    choices = st.builds(lambda schemas: {"anyOf": schemas}, st.lists(inner, min_size=1, max_size=3))
    return objects | arrays | choices


def _given(fields):
    return {name: value for name, value in fields.items() if value is not None}


schemas = st.recursive(_leaves, _grown, max_leaves=8)
"""Schemas that make sense."""

_keywords = st.sampled_from(
    ["type", "properties", "items", "anyOf", "allOf", "oneOf", "not", "$ref", "$defs", "enum", "const", "pattern",
     "minLength", "maxItems", "required", "multipleOf", "minimum", "prefixItems", "additionalProperties", "x-guidance",
     "format", "patternProperties", "$id", "if", "dependentRequired"]
)  # fmt: skip
_values = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text()
_words = st.sampled_from(["object", "string", "array", "integer", "#", "#/$defs/a", "[a-z]{2,", "(?i)a", "date", "\\"])
noise = st.recursive(
    _values | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keywords | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
"""JSON values that look like schemas from far away."""

pieces = st.lists(
    st.sampled_from(
        ["start", ":", "root", "::=", '"a"', "/b+/", "|", "(", ")", "*", "?", "+", "{2}", "{1,3}", "\n", "X", "x", "&",
         "~", "%json", '{"type": "integer"}', "[a-z]", "[", "]", "%import common.INT", "INT", "%ignore", "//", "#",
         "<[1]>", "<|im_end|>", '"', "/", "\\", "é", ",", "%regex", "%lark", "{", "}", "[capture]", "@", "..", "\0"]
    ),
    max_size=30,
)  # fmt: skip
"""Parts of grammars, in any order."""
