"""Reads faq.toml and expands its {a|b} alternatives; splits the results into trained and held-out phrases."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from labkit.tune.nano.words import is_held_out

_ALTERNATIVES = re.compile(r"\{([^{}]*\|[^{}]*)\}")


@dataclass(frozen=True)
class Entry:
    """One answer with all its phrasings, lower case, no end mark."""

    answer: str
    trained: tuple[str, ...]
    held_out: tuple[str, ...]


def expand(text: str) -> list[str]:
    """All texts that {a|b} groups stand for: "x {a|b}" gives "x a" and "x b". Other braces stay."""
    parts = _ALTERNATIVES.split(text)
    choices = [part.split("|") if index % 2 else [part] for index, part in enumerate(parts)]
    return [" ".join("".join(chosen).split()) for chosen in itertools.product(*choices)]


def split_by_hash(texts: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(trained, held out), duplicates removed, order kept."""
    unique = list(dict.fromkeys(texts))
    return (
        tuple(text for text in unique if not is_held_out(text)),
        tuple(text for text in unique if is_held_out(text)),
    )


@lru_cache(maxsize=3)
def load_phrases(kind: str) -> tuple[Entry, ...]:
    """The entries of one kind ("faq", "faq_more" or "small_talk")."""
    data = tomllib.loads(files("labkit.tune.nano").joinpath("faq.toml").read_text(encoding="utf-8"))
    entries = []
    for row in data[kind]:
        texts = [wrapper.replace("{}", topic) for topic in row.get("topics", ()) for wrapper in data["wrappers"]]
        texts += [text for question in row["questions"] for text in expand(question)]
        trained, held_out = split_by_hash(texts)
        entries.append(Entry(row["answer"], trained, held_out))
    return tuple(entries)
