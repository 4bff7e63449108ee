import math

import pytest

from labkit.api.backend import ModelCard
from labkit.api.ollama.requests import parse_chat, parse_embed, parse_embeddings, parse_generate, parse_show
from labkit.engine.types import Constraint
from labkit.errors import InvalidRequestError, ModelNotFoundError
from labkit.worker.messages import Complete, Generate

CARDS = (
    ModelCard("nano", 0, context_tokens=1024, aliases=("labkit-nano",)),
    ModelCard("base", 0, chat_template=False),
    ModelCard("odd:latest", 0),
    ModelCard("small", 0, context_tokens=1024, trained_context_tokens=2048),
)


def chat(*, strict=False, **fields):
    body = {"model": "nano", "messages": [{"role": "user", "content": "hi"}]} | fields
    return parse_chat(body, CARDS, "r", strict=strict)


def generate(**fields):
    return parse_generate({"model": "nano", "prompt": "hi"} | fields, CARDS, "r", strict=False)


def refused(parse, **fields):
    with pytest.raises(InvalidRequestError) as caught:
        parse(**fields)
    return caught.value


def test_options_become_sampling_and_lengths():
    options = {
        "temperature": 1, "top_k": -1, "top_p": 0.5, "min_p": 0.1, "typical_p": 0.9, "repeat_penalty": 1.1,
        "repeat_last_n": 64, "presence_penalty": 0.5, "frequency_penalty": 0.25, "seed": 7, "stop": ["a", "b"],
        "num_predict": 5, "num_ctx": 1024,
    }  # fmt: skip
    asked = chat(options=options).operation
    assert isinstance(asked, Generate)
    sampling = asked.sampling
    assert (sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p) == (1.0, 0, 0.5, 0.1)
    assert (sampling.typical_p, sampling.repetition_penalty, sampling.penalty_window) == (0.9, 1.1, 64)
    assert (sampling.presence_penalty, sampling.frequency_penalty, sampling.seed) == (0.5, 0.25, 7)
    assert (asked.stop, asked.max_tokens) == (("a", "b"), 5)


def test_numbers_that_mean_something_else_to_ollama():
    for unlimited in (-1, -2):
        assert chat(options={"num_predict": unlimited}).operation.max_tokens is None
    assert chat(options={"num_predict": 0}).operation.max_tokens == 0
    assert chat(options={"seed": -1}).operation.sampling.seed is None
    assert chat(options={"repeat_last_n": -1}).operation.sampling.penalty_window == 65536
    assert chat(options={"stop": "end"}).operation.stop == ("end",)


def test_a_longer_context_than_is_served_is_refused_with_both_numbers():
    error = refused(chat, options={"num_ctx": 4096})
    assert (error.param, error.code) == ("options.num_ctx", "context_length_exceeded")
    assert "4096" in error.message
    assert "1024" in error.message
    assert "--ctx 4096" in error.hint
    assert "trained for 2048" in refused(chat, options={"num_ctx": 4096}, model="small").hint
    assert parse_chat({"model": "base", "options": {"num_ctx": 4096}}, CARDS, "r", strict=False).num_ctx == 4096


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"options": {"mirostat": 2}}, "options.mirostat"),
        ({"options": {"tfs_z": 0.5}}, "options.tfs_z"),
        ({"options": {"penalize_newline": False}}, "options.penalize_newline"),
        ({"options": {"temperature": "hot"}}, "options.temperature"),
        ({"options": {"stop": [""]}}, "options.stop[0]"),
        ({"options": 3}, "options"),
        ({"truncate": True}, "truncate"),
        ({"shift": True}, "shift"),
        ({"messages": [{"role": "user", "content": "x", "images": ["aGk="]}]}, "messages[0].images"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"format": "yaml"}, "format"),
        ({"think": "a lot"}, "think"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"keep_alive": "soon"}, "keep_alive"),
        ({"model": None}, "model"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_in_a_chat_is_refused_by_name(fields, param):
    assert refused(chat, **fields).param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"template": "{{ .Prompt }}"}, "template"),
        ({"context": [1, 2]}, "context"),
        ({"images": ["aGk="]}, "images"),
        ({"width": 64}, "width"),
        ({"raw": True, "system": "be brief"}, "system"),
        ({"raw": True, "think": True}, "think"),
        ({"raw": True, "suffix": "}"}, "suffix"),
        ({"suffix": "}", "system": "be brief"}, "system"),
    ],
)
def test_what_cannot_be_honoured_in_a_completion_is_refused_by_name(fields, param):
    assert refused(generate, **fields).param == param


def test_what_has_no_effect_is_named_and_refused_in_strict_mode():
    fields = {"options": {"num_gpu": 99, "num_keep": 4, "top_k": 3}, "mood": 1, "template": ""}
    assert chat(**fields).ignored == ("mood", "options.num_gpu", "options.num_keep")
    assert refused(chat, strict=True, **fields).param == "mood"


def test_formats():
    schema = {"type": "object"}
    assert [chat(format=one).operation.response_schema for one in (None, "", "json", schema)] == [
        None,
        None,
        {},
        schema,
    ]
    assert generate(raw=True, format="json").operation.constraint == Constraint("json_object", "", "format")
    held = generate(raw=True, format=schema).operation.constraint
    assert held == Constraint("json_schema", '{"type": "object"}', "format")


@pytest.mark.parametrize(("think", "effort"), [(None, None), (False, "none"), (True, "medium"), ("high", "high")])
def test_think_is_effort(think, effort):
    assert chat(think=think).operation.reasoning_effort == effort
    assert generate(think=think).operation.reasoning_effort == effort


def test_a_prompt_is_a_conversation_unless_it_is_raw_or_nothing_can_frame_it():
    framed = generate(system="be brief").operation
    assert [message["role"] for message in framed.messages] == ["system", "user"]
    raw = generate(raw=True).operation
    assert (type(raw), raw.prompt, raw.suffix) == (Complete, "hi", None)
    assert isinstance(generate(model="base").operation, Complete)
    assert generate(suffix="}").operation.suffix == "}"
    assert generate(prompt="", suffix="}").operation.prompt == ""


def test_nothing_to_say_only_loads():
    assert chat(messages=[]).operation is None
    assert chat(messages=None).operation is None
    assert generate(prompt="", keep_alive="0").operation is None
    assert generate(prompt=None, keep_alive="-1").keep_alive == math.inf


def test_names_may_have_the_tag_that_clients_add():
    names = {"nano": "nano", "nano:latest": "nano", "labkit-nano": "nano", "odd:latest": "odd:latest"}
    assert {name: chat(model=name).card.name for name in names} == names
    assert chat(model="nano:latest").name == "nano:latest"
    for unknown in ("nano:q4", "odd"):
        with pytest.raises(ModelNotFoundError):
            chat(model=unknown)


def test_logprobs():
    assert chat(logprobs=True).operation.logprobs == 0
    assert chat(logprobs=True, top_logprobs=3).operation.logprobs == 3
    assert chat(logprobs=False).operation.logprobs is None


def test_streams_unless_told_not_to():
    assert [chat(stream=stream).stream for stream in (None, True, False)] == [True, True, False]


def test_embeddings():
    def inputs(value):
        return parse_embed({"model": "nano", "input": value}, CARDS, strict=False).inputs

    assert [inputs(value) for value in ("a", ["a", "b"], "", [], None)] == [("a",), ("a", "b"), (), (), ()]
    with pytest.raises(InvalidRequestError):
        inputs(["a", ""])
    old = parse_embeddings({"model": "nano", "prompt": "a", "options": {"num_thread": 2}}, CARDS, strict=False)
    assert (old.inputs, old.ignored) == (("a",), ("options.num_thread",))


def test_show_takes_both_spellings():
    assert parse_show({"name": "nano"}, CARDS, strict=False).card.name == "nano"
    assert refused(lambda: parse_show({}, CARDS, strict=False)).param == "model"
