import json
import random

import pytest

from labkit.tune.nano.sample import Sample, answer_text
from labkit.tune.nano.tasks import TASKS
from labkit.tune.nano.tasks.known_tools import KNOWN_TOOLS
from labkit.tune.nano.words import Source, is_held_out


def make(task: str, seed: int, held_out: bool = False) -> Sample:
    return TASKS[task](Source(random.Random(seed), held_out))


@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_makes_the_same_sample(task: str):
    assert make(task, 5) == make(task, 5)


@pytest.mark.parametrize("task", TASKS)
def test_every_unit_starts_with_the_user_and_ends_with_the_assistant(task: str):
    for seed in range(30):
        for unit in make(task, seed, held_out=seed % 2 == 0).units:
            assert unit[0]["role"] == "user"
            assert unit[-1]["role"] == "assistant"
            assert answer_text(unit[-1]).strip()


def test_sums_are_right_and_the_operand_pairs_split():
    for task, sign in (("add", "+"), ("subtract", "-"), ("multiply", "*")):
        for seed in range(100):
            held_out = seed % 2 == 0
            problem, result = make(task, seed, held_out).units[0][1]["content"].split(" = ")
            assert eval(problem) == int(result)
            assert is_held_out(problem) == held_out
            assert sign in problem


def test_extracted_values_stand_in_the_text():
    for seed in range(100):
        question, answer = make("extract", seed).units[0]
        for key, value in json.loads(answer["content"]).items():
            assert str(value) in question["content"]
            assert key in question["content"]


def test_tool_calls_fit_the_tools():
    for seed in range(100):
        sample = make("tool_call", seed, held_out=seed % 2 == 0)
        function = sample.units[0][1]["tool_calls"][0]["function"]
        tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in sample.tools}
        assert list(function["arguments"]) == list(tools[function["name"]]["properties"])


def test_every_known_tool_can_be_asked_called_and_answered():
    assert len(KNOWN_TOOLS) > 10
    source = Source(random.Random(0))
    for known in KNOWN_TOOLS:
        for request in known.requests:
            values = known.values(source)
            assert "{" not in request.format(**values)
            result, answer = known.outcome(source, values)
            assert answer.endswith(".")
            json.dumps(result)


def test_trained_and_held_out_questions_do_not_meet():
    for task in ("faq", "small_talk", "add", "subtract", "compare", "extreme", "units", "repeat"):
        sides = [
            {make(task, seed, held_out).units[0][0]["content"].lower() for seed in range(300)} for held_out in (0, 1)
        ]
        assert not sides[0] & sides[1], task
