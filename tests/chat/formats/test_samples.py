"""Real markers of each family, in every cutting."""

import json

import pytest

from chat.formats.samples import SAMPLES, TOOLS
from fakes.read_answers import every_cutting, read
from labkit.chat import ArgumentTypes, all_formats, format_of


def reader_for(sample):
    found = format_of(sample.template)
    thinking = found.thinking_in(sample.template)
    return found.reader(ArgumentTypes(TOOLS), thinking=thinking, opened=thinking[0] if sample.opened else None)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.family)
def test_whole_and_in_every_cutting(sample):
    assert format_of(sample.template).name == sample.family
    for parts in every_cutting(sample.text):
        answer = read(reader_for(sample), parts)
        calls = [(name, json.loads(arguments)) for name, arguments in answer.calls]
        assert (answer.content, answer.reasoning, calls) == (sample.content, sample.reasoning, list(sample.calls))


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.calls], ids=lambda sample: sample.family)
def test_an_answer_cut_anywhere_keeps_what_came_before(sample):
    """A client that stops at max_tokens has the calls and the text so far, and nothing twice."""
    for length in range(len(sample.text)):
        answer = read(reader_for(sample), [sample.text[:length]])
        known = next(n for n in range(len(answer.content), -1, -1) if sample.content.startswith(answer.content[:n]))
        rest = answer.content[known:]
        assert rest in sample.text[:length]  # a marker that was cut stays as it was written
        for (name, arguments), (expected, _) in zip(answer.calls, sample.calls, strict=False):
            assert name == expected
            assert "<tool" not in arguments


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.calls], ids=lambda sample: sample.family)
def test_arguments_come_while_they_are_written(sample):
    reader = reader_for(sample)
    seen = [len(piece.arguments) for char in sample.text for piece in reader.feed(char) if hasattr(piece, "arguments")]
    assert sum(seen)
    assert max(seen) <= len('"minutes": 5}') or '"arguments": "' in sample.text  # JSON in a string is read whole


def test_every_family_has_a_sample_or_is_like_one_that_has():
    like = {
        "seed",
        "hunyuan",
        "minicpm",
        "deepseek-v4",
        "deepseek",
        "minimax-m1",
        "minimax-m3",
        "solar",
        "functionary",
        "gemma",
    }
    like |= {"apriel", "nemotron", "command", "gigachat", "apertus", "plain"}
    assert {one.name for one in all_formats()} == {sample.family for sample in SAMPLES} | like
