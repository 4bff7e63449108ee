"""What `labkit serve` says while an endpoint comes, runs and goes."""

from typing import TYPE_CHECKING

import typer

from labkit.cli import output

if TYPE_CHECKING:
    from labkit.api import ModelCard
    from labkit.serving import ServeEvent, Serving
    from labkit.serving.plan import ServedModel

MAX_NAMED = 12


def tell(event: "ServeEvent", as_json: bool) -> None:
    """Say what has happened; as JSON only that requests are answered."""
    from labkit.serving import Draining, Loading, Serving

    if as_json:
        if isinstance(event, Serving):
            output.print_json(event)
        return
    match event:
        case Loading(models=models):
            for model in models:
                facts = _facts(model.facts.quantization, model.facts.file_bytes)
                say(f"loading {model.ref.name} ({facts}){_expected(model)}")
        case Serving():
            _tell_serving(event)
        case Draining(num_running=0):
            say("stopping")
        case Draining(num_running=num_running):
            say(f"stopping: waiting for {num_running} running request(s); Ctrl-C again drops them")


def _expected(model: "ServedModel") -> str:
    """The memory it will take, and how that is known."""
    from labkit.units import render_bytes

    if model.estimate is None or model.estimate.memory is None:
        return ""
    memory = model.estimate.memory
    if model.estimate.trust == "native sizing":
        return f": {render_bytes(memory.high)} of memory, sized by the native core"
    return f": at most {render_bytes(memory.high)} of memory, {render_bytes(memory.cache_bytes)} of it KV cache"


def _tell_serving(event: "Serving") -> None:
    from labkit.units import render_bytes, render_seconds

    models = [card for card in event.models if card.base is None]
    for card in models:
        if card.description is not None:
            room = f"{card.context_tokens:,} tokens of context, {_room(card)}"
            say(f"{card.name} is ready: {card.description}, {room}")
    waiting = [card for card in models if card.description is None]
    for card in waiting[:MAX_NAMED]:
        memory = f", at most {render_bytes(card.memory_bytes)} of memory" if card.memory_bytes else ""
        say(f"{card.name} is loaded on first use ({card.quantization or 'unknown quantization'}{memory})")
    if len(waiting) > MAX_NAMED:
        say(f"and {len(waiting) - MAX_NAMED} more are loaded on first use: labkit ps")
    say(f"listening on {event.url} after {render_seconds(event.load_seconds)}; Ctrl-C stops it\n")
    if event.is_open:
        say("Other machines reach it with an API key. Keys and prompts travel unencrypted: on a network that others")
        say("use, put a proxy with TLS before it, or serve on loopback and use a tunnel.\n")
    if event.models:
        say(f"  {_example(event)}\n")


def _room(card: "ModelCard") -> str:
    if "chat" in card.capabilities:
        return f"{card.num_slots} slots"
    return f"{card.vector_size} numbers in a vector" if card.vector_size else "it ranks documents"


def _example(event: "Serving") -> str:
    """A line that tries the first model."""
    card = event.models[0]
    path, rest = "chat/completions", '"messages": [{"role": "user", "content": "Hello!"}]'
    if card.capabilities == ("embeddings",):
        path, rest = "embeddings", '"input": ["Hello!", "Good morning!"]'
    elif card.capabilities == ("rerank",):
        path, rest = "rerank", '"query": "greetings", "documents": ["Hello!", "Good night!"]'
    body = f"""'{{"model": "{card.name}", {rest}}}'"""
    key = " -H 'Authorization: Bearer lk_...'" if event.needs_key else ""
    return f"curl {event.url}/v1/{path} -H 'Content-Type: application/json'{key} -d {body}"


def _facts(quantization: str | None, file_bytes: int) -> str:
    from labkit.units import render_bytes

    return f"{quantization or 'unknown quantization'}, {render_bytes(file_bytes)}"


def say(text: str) -> None:
    """A line for a person."""
    # Not through rich: the curl line must stay one line that can be copied.
    typer.echo(text, err=True)
