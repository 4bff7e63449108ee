"""Mixes samples into conversations: several independent exchanges in one, so that more of each forward is trained.

Everything is a function of (seed, step): fresh data at every step, the same again for the same seed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2
import jinja2.sandbox

from labkit.tune.nano.sample import Message, Sample, Tool, Unit, to_json
from labkit.tune.nano.tasks import TASKS
from labkit.tune.nano.words import Source

TEMPLATE_FILE = Path(__file__).parents[2] / "embedded" / "chat_template.jinja"
"""The one chat template: training, the GGUF file and the tests read this."""

_SYSTEM_TEXTS = (
    "You are labkit-nano.",
    "You are a helpful assistant.",
    "You are labkit-nano, a tiny model that runs on this machine.",
    "Answer briefly.",
    "You are a friendly assistant. Answer in short sentences.",
)
_NUM_SAMPLES = (1, 1, 1, 2, 2, 3, 4, 5)


@dataclass(frozen=True)
class Conversation:
    """Messages in order, with the tools that the system turn lists."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()


def build_conversation(rng: random.Random, weights: Mapping[str, float]) -> Conversation:
    """One training conversation: up to five samples, interleaved, each keeping its own order."""
    source = Source(rng)
    names, shares = list(weights), list(weights.values())

    def draw() -> Sample:
        return TASKS[rng.choices(names, shares)[0]](source)

    samples = [draw()]
    wanted = rng.choice(_NUM_SAMPLES)
    while len(samples) < wanted and not samples[0].exclusive:
        if _fits(sample := draw(), samples):
            samples.append(sample)
    return join_samples(rng, samples)


def _fits(sample: Sample, others: list[Sample]) -> bool:
    """Only one sample brings tools or a system text, and then no question that a tool could answer joins it."""
    if sample.exclusive or sample.system:
        return False
    has_tools = any(other.tools for other in others)
    if sample.tools:
        return not has_tools and not any(other.wants_tool or other.system for other in others)
    return not (sample.wants_tool and has_tools)


def join_samples(rng: random.Random, samples: list[Sample]) -> Conversation:
    """Shuffles the samples' units into each other and puts the system text first."""
    queues = [list(sample.units) for sample in samples]
    units: list[Unit] = []
    while any(queues):
        queue = rng.choices(queues, [len(queue) for queue in queues])[0]
        units.append(queue.pop(0))
    tools = next((sample.tools for sample in samples if sample.tools), ())
    system = next((sample.system for sample in samples if sample.system), None)
    if system is None and rng.random() < 0.25 and not any(sample.tools for sample in samples):
        system = rng.choice(_SYSTEM_TEXTS)
    head: tuple[Message, ...] = ({"role": "system", "content": system},) if system else ()
    return Conversation(head + tuple(message for unit in units for message in unit), tools)


def compile_template(text: str) -> jinja2.Template:
    """A chat template as transformers and llama.cpp's servers compile it: sandboxed, blocks trimmed, plain `tojson`."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = to_json
    return environment.from_string(text)


_TEMPLATE = compile_template(TEMPLATE_FILE.read_text(encoding="utf-8"))


def render(conversation: Conversation, *, add_generation_prompt: bool = False) -> str:
    """The conversation as the text that the model sees."""
    return _TEMPLATE.render(
        messages=list(conversation.messages),
        tools=list(conversation.tools) or None,
        add_generation_prompt=add_generation_prompt,
    )
