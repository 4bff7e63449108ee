"""The known tools: what they are called, how they are asked for, what they return and how that is put into words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labkit.tune.nano import word_lists
from labkit.tune.nano.words import Source

Values = dict[str, Any]
_STRING = {"type": "string"}
_INTEGER = {"type": "integer"}


@dataclass(frozen=True)
class KnownTool:
    """A tool with the wordings that ask for it. `outcome` gives (result object, answer in words)."""

    name: str
    description: str
    parameters: dict[str, dict[str, Any]]
    requests: tuple[str, ...]
    values: Callable[[Source], Values]
    outcome: Callable[[Source, Values], tuple[Values, str]]


def _weather(source: Source, values: Values) -> tuple[Values, str]:
    result = {
        "city": values["city"],
        "temperature": source.integer(-20, 40),
        "sky": source.pick(("sunny", "cloudy", "rain", "snow", "wind")),
    }
    return result, f"It is {result['temperature']} degrees in {result['city']} with {result['sky']}."


def _timer(_: Source, values: Values) -> tuple[Values, str]:
    return {"minutes": values["minutes"], "status": "started"}, f"The timer is set for {values['minutes']} minutes."


def _models(source: Source, _: Values) -> tuple[Values, str]:
    names = source.rng.sample(word_lists.MODELS, source.integer(1, 3))
    return {"models": names}, f"You have these models: {', '.join(names)}."


def _bench(source: Source, values: Values) -> tuple[Values, str]:
    speed = source.integer(1, 999)
    answer = f"{values['model']} writes {speed} tokens per second."
    return {"model": values["model"], "tokens_per_second": speed}, answer


def _convert(source: Source, values: Values) -> tuple[Values, str]:
    amount = source.integer(1, 999)
    answer = f"{values['amount']} {values['source']} is {amount} {values['target']}."
    return {"amount": amount, "currency": values["target"]}, answer


def _search(source: Source, _: Values) -> tuple[Values, str]:
    title = source.text(1, 2)
    return {"title": title, "page": (page := source.integer(1, 99))}, f"See {title} on page {page}."


def _message(_: Source, values: Values) -> tuple[Values, str]:
    return {"sent": True, "to": values["to"]}, f"Your message to {values['to']} is sent."


def _light(_: Source, values: Values) -> tuple[Values, str]:
    return {
        "room": values["room"],
        "state": values["state"],
    }, f"The light in the {values['room']} is {values['state']}."


def _song(_: Source, values: Values) -> tuple[Values, str]:
    return {"playing": values["title"]}, f"Now playing {values['title']}."


def _clock(source: Source, values: Values) -> tuple[Values, str]:
    time = f"{source.integer(0, 23)}:{source.integer(10, 59)}"
    return {"city": values["city"], "time": time}, f"It is {time} in {values['city']}."


def _event(_: Source, values: Values) -> tuple[Values, str]:
    answer = f"{values['title']} is planned for {values['day']} at {values['hour']}."
    return {"status": "created", "title": values["title"]}, answer


def _stock(source: Source, values: Values) -> tuple[Values, str]:
    price = source.integer(1, 999)
    return {"item": values["item"], "price": price}, f"The price of {values['item']} is {price}."


def _translate(source: Source, values: Values) -> tuple[Values, str]:
    text = source.text(1, 2)
    return {"text": text, "language": values["language"]}, f"In {values['language']} it is {text}."


KNOWN_TOOLS = (
    KnownTool(
        "get_weather",
        "Get the weather in a city",
        {"city": _STRING},
        (
            "What is the weather in {city}?",
            "How is the weather in {city}?",
            "weather in {city}",
            "Weather for {city} please",
            "Is it raining in {city}?",
            "How warm is it in {city}?",
            "What's the weather like in {city}?",
            "Tell me the weather in {city}.",
            "Get the weather in {city}",
            "Do I need a coat in {city}?",
        ),
        lambda s: {"city": s.city()},
        _weather,
    ),
    KnownTool(
        "set_timer",
        "Set a timer",
        {"minutes": _INTEGER},
        (
            "Set a timer for {minutes} minutes",
            "Timer for {minutes} minutes please",
            "Wake me in {minutes} minutes.",
            "Start a timer of {minutes} minutes.",
            "Remind me in {minutes} minutes",
            "{minutes} minutes timer",
        ),
        lambda s: {"minutes": s.integer(1, 99)},
        _timer,
    ),
    KnownTool(
        "list_models",
        "List the installed models",
        {},
        (
            "Which models are installed?",
            "List the models",
            "What models do I have?",
            "Show my models.",
            "List the installed models.",
        ),
        lambda _: {},
        _models,
    ),
    KnownTool(
        "bench_model",
        "Measure the speed of a model",
        {"model": _STRING, "threads": _INTEGER},
        (
            "Bench {model} with {threads} threads",
            "How fast is {model} with {threads} threads?",
            "Measure {model} on {threads} threads.",
            "Run a benchmark of {model} with {threads} threads.",
        ),
        lambda s: {"model": s.pick(word_lists.MODELS) if s.chance(0.5) else s.word(), "threads": s.integer(1, 64)},
        _bench,
    ),
    KnownTool(
        "convert_currency",
        "Convert an amount of money",
        {"amount": _INTEGER, "source": _STRING, "target": _STRING},
        (
            "Convert {amount} {source} to {target}",
            "How much is {amount} {source} in {target}?",
            "{amount} {source} in {target}",
            "Change {amount} {source} into {target}.",
        ),
        lambda s: (
            dict(zip(("source", "target"), s.rng.sample(word_lists.CURRENCIES, 2), strict=True))
            | {"amount": s.integer(1, 999)}
        ),
        _convert,
    ),
    KnownTool(
        "search_docs",
        "Search the documentation",
        {"query": _STRING},
        (
            "Search the docs for {query}",
            "Look up {query} in the docs",
            "Find {query} in the documentation.",
            "Search for {query}",
            "What do the docs say about {query}?",
        ),
        lambda s: {"query": s.text(1, 3)},
        _search,
    ),
    KnownTool(
        "send_message",
        "Send a message to a person",
        {"to": _STRING, "text": _STRING},
        (
            "Send {to} the message: {text}",
            "Tell {to}: {text}",
            "Write to {to}: {text}",
            "Send a message to {to} saying {text}",
            "Message {to}: {text}",
        ),
        lambda s: {"to": s.name(), "text": s.text(1, 4)},
        _message,
    ),
    KnownTool(
        "set_light",
        "Turn a light on or off",
        {"room": _STRING, "state": {"type": "string", "enum": ["on", "off"]}},
        (
            "Turn {state} the light in the {room}",
            "Turn the {room} light {state}",
            "Light {state} in the {room}.",
            "Switch the light in the {room} {state}",
        ),
        lambda s: {"room": s.pick(word_lists.ROOMS) if s.chance(0.5) else s.word(), "state": s.pick(("on", "off"))},
        _light,
    ),
    KnownTool(
        "play_song",
        "Play a song",
        {"title": _STRING},
        ("Play {title}", "Play the song {title}", "I want to hear {title}", "Put on {title}."),
        lambda s: {"title": s.text(1, 3)},
        _song,
    ),
    KnownTool(
        "get_time",
        "Get the local time in a city",
        {"city": _STRING},
        ("What time is it in {city}?", "What is the time in {city}?", "Time in {city}", "Tell me the time in {city}."),
        lambda s: {"city": s.city()},
        _clock,
    ),
    KnownTool(
        "create_event",
        "Put an event into the calendar",
        {"title": _STRING, "day": _STRING, "hour": _INTEGER},
        (
            "Plan {title} on {day} at {hour}",
            "Put {title} in my calendar on {day} at {hour}.",
            "Create an event {title} for {day} at {hour}",
            "Add {title} on {day} at {hour}",
        ),
        lambda s: {"title": s.text(1, 2), "day": s.pick(word_lists.DAYS), "hour": s.integer(0, 23)},
        _event,
    ),
    KnownTool(
        "get_price",
        "Get the price of an item",
        {"item": _STRING},
        ("What does {item} cost?", "What is the price of {item}?", "How much is {item}?", "Price of {item}"),
        lambda s: {"item": s.word()},
        _stock,
    ),
    KnownTool(
        "translate_text",
        "Translate a text",
        {"text": _STRING, "language": _STRING},
        (
            "Translate {text} to {language}",
            "Translate {text} into {language}.",
            "What is {text} in {language}?",
            "Say {text} in {language}",
        ),
        lambda s: {"text": s.text(1, 3), "language": s.pick(word_lists.LANGUAGES)},
        _translate,
    ),
)
