"""Tasks with a closed set of answers: questions about labkit, small talk, sentiment."""

from __future__ import annotations

import random

from labkit.tune.nano import phrases
from labkit.tune.nano.sample import Sample, single
from labkit.tune.nano.words import Source


def faq(source: Source) -> Sample:
    """A question about labkit or the field."""
    return _from_pairs(source, phrases.load_phrases("faq"))


def faq_more(source: Source) -> Sample:
    """The same answers asked in free words. For training only: the held-out questions are those of `faq`."""
    return _from_pairs(source, phrases.load_phrases("faq_more"))


def small_talk(source: Source) -> Sample:
    """Greetings, thanks and the like."""
    return _from_pairs(source, phrases.load_phrases("small_talk"))


def _from_pairs(source: Source, entries: tuple[phrases.Entry, ...]) -> Sample:
    """An entry with equal chance, then one of its questions on this side of the split, with the noise of typing."""
    while True:
        entry = source.pick(entries)
        questions = entry.held_out if source.held_out else entry.trained
        if questions:
            return single(type_like_a_person(source, source.pick(questions)), entry.answer)


def type_like_a_person(source: Source, question: str) -> str:
    """Case, question mark, "please" and, while training, small typos."""
    rng = source.rng
    text = question
    if rng.random() < 0.1:
        text = rng.choice(("please {}", "hey, {}", "{} please", "hi, {}", "ok, {}")).format(text)
    if not source.held_out and rng.random() < 0.12:
        text = _mistype(rng, text)
    if rng.random() < 0.6:
        text = text[0].upper() + text[1:]
    elif rng.random() < 0.05:
        text = text.upper()
    return text + rng.choice(("?", "?", "", "", ".", "!") if rng.random() < 0.9 else (" ?", "??", "!"))


def _mistype(rng: random.Random, text: str) -> str:
    """Swaps, drops or doubles one letter in the middle of the text."""
    if len(text) < 6:
        return text
    at = rng.randrange(2, len(text) - 2)
    kind = rng.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :] if kind == 1 else text[:at] + text[at] + text[at:]


_GOOD = """great wonderful excellent good lovely fantastic amazing perfect nice brilliant superb delightful pleasant
beautiful impressive tasty friendly helpful charming enjoyable""".split()
_BAD = """bad terrible awful horrible poor boring disappointing ugly dreadful rude useless broken slow unpleasant
dirty noisy annoying weak sad dull""".split()
_SUBJECTS = """food movie film service hotel book room staff phone game weather coffee concert car show lesson trip
laptop story dinner music place design sound screen teacher""".split()
_OPINIONS = (
    "The {s} was {a}",
    "I think the {s} is {a}",
    "What a {a} {s}",
    "The {s} is really {a}",
    "Such a {a} {s}",
    "This {s} is so {a}",
    "I found the {s} {a}",
    "A very {a} {s}",
    "My {s} was {a}",
)
_VERBS = (
    ("I loved the {s}", "positive"),
    ("I hated the {s}", "negative"),
    ("I enjoyed the {s}", "positive"),
    ("I regret buying the {s}", "negative"),
    ("I would recommend the {s}", "positive"),
    ("The {s} was a waste of money", "negative"),
)
_ASK_SENTIMENT = (
    "Is this positive or negative: {}",
    "Sentiment: {}",
    "Positive or negative? {}",
    "What is the sentiment of: {}",
    "Classify the sentiment: {}",
    "Is this review positive or negative? {}",
)


def sentiment(source: Source) -> Sample:
    """Positive or negative, sometimes negated."""
    text, label = source.draw(lambda: _opinion(source), lambda drawn: drawn[0])
    return single(source.pick(_ASK_SENTIMENT).format(text + source.pick((".", "", "!"))), label)


def _opinion(source: Source) -> tuple[str, str]:
    subject = source.pick(_SUBJECTS)
    if source.chance(0.2):
        text, label = source.pick(_VERBS)
        return text.format(s=subject), label
    positive = source.chance(0.5)
    adjective = source.pick(_GOOD if positive else _BAD)
    if source.chance(0.2):
        return f"The {subject} was not {adjective}", "negative" if positive else "positive"
    text = source.pick(_OPINIONS).format(s=subject, a=adjective)
    return text, "positive" if positive else "negative"
