"""Text to JSON: the asked keys in the asked order, values copied from the text."""

from __future__ import annotations

from collections.abc import Callable

from labkit.tune.nano import word_lists
from labkit.tune.nano.sample import Sample, exchange, to_json
from labkit.tune.nano.words import Source

Value = str | int
Record = dict[str, Value]


def _person(source: Source) -> tuple[str, Record]:
    record: Record = {
        "name": source.name(),
        "age": source.integer(1, 99),
        "city": source.city(),
        "job": source.pick(word_lists.JOBS) if source.chance(0.5) else source.word(),
    }
    text = source.pick(
        (
            "{name} is {age} years old, lives in {city} and works as a {job}.",
            "{name}, {age}, from {city}, is a {job}.",
            "My name is {name}. I am {age} and I live in {city}. My job: {job}.",
            "The {job} {name} moved to {city} at the age of {age}.",
            "In {city} there is a {job} called {name} who is {age} years old.",
        )
    )
    return text, record


def _short_person(source: Source) -> tuple[str, Record]:
    record: Record = {"name": source.name(), "age": source.integer(1, 99), "city": source.city()}
    text = source.pick(
        (
            "{name} is {age} years old and lives in {city}.",
            "{name} ({age}) lives in {city}.",
            "{name} from {city} is {age}.",
            "I am {name}, {age} years old, and I come from {city}.",
        )
    )
    return text, record


def _order(source: Source) -> tuple[str, Record]:
    record: Record = {
        "customer": source.name(),
        "quantity": source.integer(1, 99),
        "item": source.word(),
        "price": source.integer(1, 999),
    }
    text = source.pick(
        (
            "{customer} ordered {quantity} {item} for {price} euros.",
            "Order: {quantity} x {item}, customer {customer}, price {price}.",
            "{customer} wants {quantity} pieces of {item} at a price of {price}.",
            "We sold {quantity} {item} to {customer} for {price} dollars.",
        )
    )
    return text, record


def _meeting(source: Source) -> tuple[str, Record]:
    record: Record = {
        "title": source.word(),
        "day": source.pick(word_lists.DAYS),
        "hour": source.integer(1, 23),
        "room": source.pick(word_lists.ROOMS) if source.chance(0.5) else source.word(),
    }
    text = source.pick(
        (
            "The {title} meeting is on {day} at {hour} in the {room}.",
            "Meet us on {day} at {hour} in room {room} to talk about {title}.",
            "On {day} at {hour}: {title}, room {room}.",
        )
    )
    return text, record


def _contact(source: Source) -> tuple[str, Record]:
    name = source.name()
    record: Record = {
        "name": name,
        "email": f"{name.lower()}@{source.word()}.com",
        "phone": source.integer(1000, 99999),
        "id": source.code(),
    }
    text = source.pick(
        (
            "{name} can be reached at {email} or {phone}, id {id}.",
            "Write to {name} ({id}) at {email} or call {phone}.",
            "Contact: {name}, {email}, phone {phone}, id {id}.",
        )
    )
    return text, record


def _product(source: Source) -> tuple[str, Record]:
    record: Record = {
        "brand": source.word().capitalize(),
        "product": source.text(1, 2),
        "colour": source.pick(word_lists.COLOURS),
        "weight": source.integer(1, 99),
        "country": source.city(),
    }
    text = source.pick(
        (
            "The {brand} {product} is {colour}, weighs {weight} kg and is made in {country}.",
            "{brand} sells a {colour} {product} of {weight} kg from {country}.",
            "Made in {country}: the {colour} {product} by {brand}, {weight} kg.",
        )
    )
    return text, record


def _fields(source: Source) -> tuple[str, Record]:
    """Free keys, partly invented, as `key: value` or `key is value`."""
    keys: dict[str, None] = {}
    for _ in range(source.integer(2, 6)):
        keys[source.pick(word_lists.KEYS) if source.chance(0.6) else source.word()] = None
    record: Record = {key: _any_value(source) for key in keys}
    join, pair = source.pick(((", ", "{k}: {v}"), ("\n", "{k}: {v}"), (", ", "{k} {v}"), (". ", "The {k} is {v}")))
    text = join.join(pair.format(k=key, v=value) for key, value in record.items())
    return text.replace("{", "").replace("}", ""), record


def _any_value(source: Source) -> Value:
    makers: tuple[Callable[[], Value], ...] = (
        source.name,
        source.city,
        source.word,
        lambda: source.text(2, 3),
        source.code,
        lambda: source.integer(0, 999),
        lambda: source.integer(0, 99),
    )
    return source.pick(makers)()


_RECORDS = (_person, _short_person, _short_person, _order, _meeting, _contact, _product, _fields, _fields, _fields)
USER_FORMS = (
    "Extract {keys} as JSON: {text}",
    "Extract the {keys} as JSON: {text}",
    "Extract {keys} from this text as JSON.\n{text}",
    "{text}\nGive me {keys} as JSON.",
    "Return JSON with the keys {keys}: {text}",
    'Read this: "{text}" Answer in JSON with {keys}.',
    "{text} Extract: {keys}",
)
_SYSTEM_FORMS = (
    "Answer in JSON with the keys {keys}.",
    "Extract {keys} as JSON.",
    "You turn text into JSON. Keys: {keys}.",
    "Reply only with a JSON object that has {keys}.",
)


def choose_keys(source: Source, record: Record) -> list[str]:
    """One to five keys, half the time in the order of the text."""
    keys = source.rng.sample(list(record), source.integer(1, min(5, len(record))))
    return [key for key in record if key in keys] if source.chance(0.5) else keys


def list_keys(source: Source, keys: list[str]) -> str:
    """The keys as one writes them: with commas, often with "and" before the last."""
    if len(keys) > 1 and source.chance(0.6):
        return ", ".join(keys[:-1]) + " and " + keys[-1]
    return ", ".join(keys)


def _schema_text(record: Record, keys: list[str]) -> str:
    types = {key: {"type": "integer" if isinstance(record[key], int) else "string"} for key in keys}
    return to_json({"type": "object", "properties": types})


def extract(source: Source) -> Sample:
    """The user names the keys (one time in ten: gives a JSON schema)."""
    form, record = source.pick(_RECORDS)(source)
    text, keys = form.format(**record), choose_keys(source, record)
    if source.chance(0.1):
        question = f"{text}\nAnswer in JSON with this schema: {_schema_text(record, keys)}"
    else:
        question = source.pick(USER_FORMS).format(keys=list_keys(source, keys), text=text)
    return Sample((exchange(question, to_json({key: record[key] for key in keys})),))


def extract_system(source: Source) -> Sample:
    """The system message names the keys; the user sends one to three texts."""
    make = source.pick(_RECORDS[:-3])
    _, first = make(source)
    keys = choose_keys(source, first)
    units = []
    for _ in range(source.pick((1, 1, 2, 3))):
        form, record = make(source)
        units.append(exchange(form.format(**record), to_json({key: record[key] for key in keys})))
    if source.chance(0.2):
        system = f"Answer in JSON with this schema: {_schema_text(first, keys)}"
    else:
        system = source.pick(_SYSTEM_FORMS).format(keys=list_keys(source, keys))
    return Sample(tuple(units), system=system, exclusive=True)
