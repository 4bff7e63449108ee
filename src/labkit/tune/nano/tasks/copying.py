"""Repeat, reverse, pick, change case, recall: everything whose answer is made of the question's own words."""

from __future__ import annotations

from collections.abc import Callable

from labkit.tune.nano.sample import Sample, exchange, single
from labkit.tune.nano.words import Source

_REPEAT = (
    "Repeat: {}",
    "Repeat after me: {}",
    "Say: {}",
    "Repeat this: {}",
    "Please repeat: {}",
    "Echo: {}",
    "Say this again: {}",
    "Copy this text: {}",
    "Repeat the words: {}",
    'Repeat "{}"',
)


def repeat(source: Source) -> Sample:
    """One to four words, now and then in capitals, with a code or a number among them."""
    words = source.words(1, 4)
    words = [source.pick((word.capitalize(), source.code())) if source.chance(0.15) else word for word in words]
    text = " ".join(words)
    return single(source.pick(_REPEAT).format(text), text)


def repeat_long(source: Source) -> Sample:
    """Five to sixteen words or list items: dense copying, for the first part of training."""
    separator = source.pick((" ", ", ", " ", "; ", "\n"))
    words = [source.pick((source.name, source.city, source.word, source.word))() for _ in range(source.integer(5, 16))]
    text = separator.join(words)
    return single(source.pick(_REPEAT).format(text), text)


def reverse_words(source: Source) -> Sample:
    """Two to four words in reverse order."""
    words = source.words(2, 4)
    question = source.pick(("Reverse the order: {}", "Reverse the words: {}", "Reverse the word order: {}"))
    return single(question.format(" ".join(words)), " ".join(reversed(words)))


_ORDINALS = ("first", "second", "third", "last")


def pick_word(source: Source) -> Sample:
    """The first, second, third or last of three to six words."""
    words = source.words(3, 6)
    which = source.integer(0, 3)
    question = source.pick(("What is the {} word of: {}", "Give me the {} word: {}", "{} word of: {}"))
    return single(question.format(_ORDINALS[which], " ".join(words)), words[which if which < 3 else -1])


def change_case(source: Source) -> Sample:
    """One to three words in upper, lower or title case."""
    text = source.text(1, 3)
    given = source.pick((str.lower, str.upper, str.title))(text)
    wanted = source.pick(("upper", "lower", "title"))
    change: Callable[[str], str] = {"upper": str.upper, "lower": str.lower, "title": str.title}[wanted]
    question = source.pick(("In {} case: {}", "Write in {} case: {}", "Change to {} case: {}"))
    return single(question.format(wanted, given), change(given))


_FACTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("name", ("My name is {}.", "I am {}.", "Call me {}.", "I'm called {}."), ("What is my name?", "Who am I?")),
    ("city", ("I live in {}.", "My city is {}.", "My home is in {}."), ("Where do I live?", "What is my city?")),
    ("password", ("The password is {}.", "Remember the password {}."), ("What is the password?",)),
    ("dog", ("My dog is called {}.", "I have a dog called {}."), ("What is my dog called?", "What is my dog's name?")),
    ("code", ("The code is {}.", "My code is {}."), ("What is the code?", "What is my code?")),
    ("project", ("My project is called {}.", "I work on {}."), ("What is my project called?", "What do I work on?")),
    ("friend", ("My friend is {}.", "My friend is called {}."), ("Who is my friend?", "What is my friend's name?")),
    ("team", ("My team is {}.", "I play for {}."), ("What is my team?", "Which team is mine?")),
)
_ASK_AGAIN = ("{}", "{}", "Do you remember? {}", "Tell me: {}", "Now, {}")


def _fact_value(source: Source, topic: str) -> str:
    if topic in ("name", "dog", "friend"):
        return source.name()
    if topic == "city":
        return source.city()
    return source.code() if topic == "code" else source.word()


def recall(source: Source) -> Sample:
    """One to three facts told in one or more turns; then one or two of them are asked for."""
    facts = source.rng.sample(_FACTS, source.pick((1, 1, 2, 2, 3)))
    values = {topic: _fact_value(source, topic) for topic, _, _ in facts}
    units = []
    if source.chance(0.5):
        text = " ".join(source.pick(told).format(values[topic]) for topic, told, _ in facts)
        noted = ", ".join(f"your {topic} is {values[topic]}" for topic, _, _ in facts)
        units.append(exchange(text, f"Noted: {noted}."))
    else:
        for topic, told, _ in facts:
            units.append(exchange(source.pick(told).format(values[topic]), f"Noted: your {topic} is {values[topic]}."))
    for topic, _, asked in source.rng.sample(facts, source.integer(1, min(2, len(facts)))):
        question = source.pick(_ASK_AGAIN).format(source.pick(asked))
        units.append(exchange(question, f"Your {topic} is {values[topic]}."))
    return Sample(tuple(units))


def key_values(source: Source) -> Sample:
    """A list of four to ten `key: value` lines and several questions about it: recall made dense."""
    pairs = dict(zip(source.words(4, 10), source.words(10, 10), strict=False))
    listing = source.pick((", ", "\n", "; ")).join(f"{key}: {value}" for key, value in pairs.items())
    asked = source.rng.sample(list(pairs), source.integer(2, len(pairs)))
    question = source.pick(("Which values belong to {}?", "Look up {}.", "What is {}?"))
    return single(
        f"Here is a list.\n{listing}\n{question.format(', '.join(asked))}",
        ", ".join(pairs[key] for key in asked),
    )
