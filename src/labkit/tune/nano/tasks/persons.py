"""Persons with full names in everyday sentences, to JSON: the example that everybody tries first."""

from __future__ import annotations

from labkit.tune.nano import word_lists
from labkit.tune.nano.sample import Sample, single, to_json
from labkit.tune.nano.tasks import extraction
from labkit.tune.nano.words import Source

_FORMS = (
    "{name} is {age} years old and lives in {city}.",
    "{name} is {age} and lives in {city}.",
    "{name}, {age}, {city}",
    "{name}, {age}, lives in {city}.",
    "{name} ({age}) lives in {city}.",
    "{name} ({age}), {job} from {city}",
    "Hello, my name is {name}. I am {age} years old and I live in {city}.",
    "Hi, I'm {name}, a {age} year old {job} from {city}.",
    "My friend {name} turned {age} last week and moved to {city} to work as a {job}.",
    "{name} was born in {city} {age} years ago and became a {job}.",
    "Meet {name}: {job}, {age}, {city}.",
    "Name: {name}\nAge: {age}\nCity: {city}\nJob: {job}",
    "I met {name} in {city}. At {age}, {name} still works as a {job}.",
    "Our new {job}, {name}, comes from {city} and is {age}.",
    "In {city}, {name}, aged {age}, is well known as a {job}.",
)


def extract_person(source: Source) -> Sample:
    """Name (mostly first and last), age, city, job: those that the text tells, as asked."""
    form = source.pick(_FORMS)
    told: dict[str, str | int] = {
        "name": source.name() + (f" {source.name()}" if source.chance(0.7) else ""),
        "age": source.integer(1, 99),
        "city": source.pick(("", "", "", "", "New ", "San ")) + source.city(),
        "job": source.pick(word_lists.JOBS) if source.chance(0.7) else source.word(),
    }
    record: extraction.Record = {key: value for key, value in told.items() if f"{{{key}}}" in form}
    keys = extraction.choose_keys(source, record)
    question = source.pick(extraction.USER_FORMS).format(
        keys=extraction.list_keys(source, keys), text=form.format(**told)
    )
    return single(question, to_json({key: record[key] for key in keys}))
