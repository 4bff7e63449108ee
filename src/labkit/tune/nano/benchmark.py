"""Held-out items for scoring: plain messages and the expected text, for any OpenAI endpoint and without torch."""

from __future__ import annotations

import random
from dataclasses import dataclass

from labkit.tune.nano.conversation import join_samples
from labkit.tune.nano.sample import Message, Tool, answer_text, wire_message
from labkit.tune.nano.tasks import TASKS
from labkit.tune.nano.words import Source

BARS: dict[str, float] = {
    "faq": 0.95,
    "small_talk": 0.95,
    "refusal": 0.95,
    "sentiment": 0.95,
    "units": 0.95,
    "extract": 0.85,
    "extract_system": 0.85,
    "tool_call": 0.85,
    "tool_answer": 0.85,
    "recall": 0.85,
    "repeat": 0.85,
    "compare": 0.80,
    "extreme": 0.80,
    "count": 0.80,
    "add": 0.80,
    "subtract": 0.80,
}
"""The exact match that a release must reach on held-out items."""

REPORTED = ("multiply", "sort", "change_case", "reverse_words", "pick_word", "ignore_tools")
"""Scored and shown without a bar."""


@dataclass(frozen=True)
class ScoreItem:
    """A conversation up to the assistant's turn, and the exact text (tool calls as blocks) that must follow."""

    task: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    expected: str


def benchmark_items(task: str | None, num_items: int, seed: int = 0) -> list[ScoreItem]:
    """Different held-out items of one task, or of every scored task. The same seed gives the same items.

    Some tasks have fewer different items than asked for (small talk); then all that were found are returned.
    """
    tasks = (*BARS, *REPORTED) if task is None else (task,)
    return [item for name in tasks for item in _task_items(name, num_items, seed)]


def _task_items(task: str, num_items: int, seed: int) -> list[ScoreItem]:
    rng = random.Random(f"{task} {seed}")
    source = Source(rng, held_out=True)
    found: dict[str, ScoreItem] = {}
    for _ in range(20 * num_items):
        if len(found) == num_items:
            break
        sample = TASKS[task](source)
        conversation = join_samples(rng, [sample])
        *messages, last = conversation.messages
        asked = tuple(map(wire_message, messages))
        found.setdefault(repr(asked), ScoreItem(task, asked, conversation.tools, answer_text(last)))
    return list(found.values())
