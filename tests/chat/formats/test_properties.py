"""What holds for every text and every family."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.formats.samples import SAMPLES, TOOLS
from fakes.read_answers import cut, read
from labkit.chat import ArgumentTypes, all_formats
from labkit.chat.calls import Call

FORMATS = all_formats()
WITH_CALLS = [one for one in FORMATS if one.calls is not None]
IDS = [f"{one.name}{number}" for number, one in enumerate(FORMATS)]
CALL_IDS = [f"{one.name}{number}" for number, one in enumerate(WITH_CALLS)]
LETTERS = "Ωψ"  # in no marker of any family

plain_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="<[{|>]}`" + "".join(map(chr, range(32))))
)
names = st.from_regex(r"[a-z][a-z_]{0,12}", fullmatch=True)
scalars = st.one_of(plain_text, st.integers(-(10**9), 10**9), st.booleans())
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=5
)


def fragments(format_):
    """Markers and their parts, samples of the family, and text between them."""
    texts = [*format_.all_markers, *(sample.text for sample in SAMPLES if sample.family == format_.name)]
    if format_.calls is not None:
        texts.append(format_.calls.write([Call("set_timer", {"minutes": 5}), Call("get_weather", {"city": "x"})]))
    texts += [
        '{"name": "',
        '", "arguments": {',
        "}}",
        "[",
        "]",
        "(",
        "\\",
        '"',
        "\n",
        "  ",
        "<",
        "é🎉",
        "name",
        *LETTERS,
    ]
    whole = st.sampled_from(texts)
    part = st.builds(lambda text, a, b: text[min(a, b) : max(a, b)], whole, st.integers(0, 80), st.integers(0, 80))
    return st.lists(st.one_of(whole, part, st.sampled_from(LETTERS)), max_size=14).map("".join)


def reader(format_, *, opened=False):
    thinking = format_.thinking
    return format_.reader(ArgumentTypes(TOOLS), thinking=thinking, opened=thinking[0] if opened and thinking else None)


@pytest.mark.parametrize("format_", FORMATS, ids=IDS)
@settings(max_examples=12)
@given(data=st.data())
def test_any_cutting_gives_the_same_and_no_letter_is_lost(format_, data):
    text = data.draw(fragments(format_))
    opened = data.draw(st.booleans())
    answers = [read(reader(format_, opened=opened), parts) for parts in ([text], list(text), cut(text, len(text)))]
    assert answers[0] == answers[1] == answers[2]
    given_back = answers[0].content + answers[0].reasoning + "".join(name + given for name, given in answers[0].calls)
    assert [given_back.count(letter) for letter in LETTERS] == [text.count(letter) for letter in LETTERS]


@pytest.mark.parametrize("format_", FORMATS, ids=IDS)
@settings(max_examples=5)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<[{")))
def test_text_without_markers_is_content_as_it_is(format_, text):
    if any(marker and marker[0] not in "<[{" for marker in format_.all_markers):
        text = text.replace("H", "").replace(" to=", "")
    assert read(reader(format_), list(text)).content == text


@pytest.mark.parametrize("format_", WITH_CALLS, ids=CALL_IDS)
@settings(max_examples=8)
@given(data=st.data())
def test_what_a_family_writes_it_reads(format_, data):
    """Calls through the family's own notation and back: names, kinds of values, and every character of a text."""
    num_calls = 1 if format_.name in ("harmony", "gigachat") else data.draw(st.integers(1, 3))
    calls = [Call(data.draw(names), data.draw(st.dictionaries(names, values, max_size=3))) for _ in range(num_calls)]
    tools = [
        {
            "function": {
                "name": call.name,
                "parameters": {"properties": {key: schema_of(value) for key, value in call.arguments.items()}},
            }
        }
        for call in calls
    ]
    if len({call.name for call in calls}) < len(calls):
        calls, tools = calls[:1], tools[:1]
    text = format_.calls.write(calls)
    found = format_.reader(ArgumentTypes(tools), thinking=format_.thinking)
    answer = read(found, cut(text, len(text)))
    assert [(name, json.loads(given)) for name, given in answer.calls] == [
        (call.name, call.arguments) for call in calls
    ]
    assert answer.content == ""


def schema_of(value):
    kinds = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}
    return {"type": kinds[type(value)]}
