"""The echo engine repeats each prompt, through the real scheduler and caches; and shows it when cells get crossed."""

import random

import pytest

from labkit.engine.engine import Engine
from labkit.engine.native.echo_backend import EchoBackend
from labkit.engine.types import Constraint, EngineConfig, GenerationRequest
from labkit.errors import InvalidRequestError
from labkit.resources import embedded_model

CONFIG = EngineConfig(context_tokens=512, num_slots=4, num_threads=1, batch_tokens=64, engine="echo")


@pytest.fixture
def backend():
    backend = EchoBackend(embedded_model(), CONFIG)
    backend.prepare()
    yield backend
    backend.release()


def prompts(model, count):
    """Some begin alike, so that cells are shared; each ends with a number of its own."""
    chance = random.Random(5)
    texts = [f"{'the opening they share ' * chance.randrange(5)}{chance.randrange(10**9)}" for _ in range(count)]
    return texts, [tuple(model.tokenize(text)) for text in texts]


def answers(backend, tokens):
    events = []
    engine = Engine(backend, events.extend, config=CONFIG)
    for index, prompt in enumerate(tokens):
        engine.submit(GenerationRequest(str(index), prompt))
    while sum(event.is_last for event in events) < len(tokens):
        engine.step()
    texts = {}
    for event in events:
        assert event.error is None
        texts[event.request_id] = texts.get(event.request_id, "") + event.text
    return [texts[str(index)] for index in range(len(tokens))]


def test_each_answer_is_its_prompt(backend):
    texts, tokens = prompts(backend.model, 60)
    assert answers(backend, tokens) == texts


def test_crossed_cells_come_out_as_foreign_text(backend):
    texts, tokens = prompts(backend.model, 60)
    right = backend.copy_cells

    def crossed(source, target, end):
        right(source, target, end)
        if end:
            backend._books[target][0] += 1

    backend.copy_cells = crossed
    assert answers(backend, tokens) != texts


def test_a_constraint_is_refused(backend):
    with pytest.raises(InvalidRequestError, match="echo") as caught:
        backend.open(GenerationRequest("a", (1,), constraint=Constraint("json_object")))
    assert caught.value.param == "response_format"
