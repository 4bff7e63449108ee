"""Questions about the world, and the one answer to them: that it does not know."""

from __future__ import annotations

from functools import lru_cache

from labkit.tune.nano import phrases, word_lists
from labkit.tune.nano.sample import Sample, single
from labkit.tune.nano.tasks.closed import type_like_a_person
from labkit.tune.nano.words import Source

REFUSAL = "I do not know that. I am a tiny model: ask me about labkit, or give me a small task."

_UNKNOWN = (
    "Who {was|is} {x}",
    "When {was|did} {x} {born|die|begin|end}",
    "Where {is|was} {x}",
    "Why {is|was} {x} {famous|important|so popular}",
    "What is the capital of {x}",
    "How many people live in {x}",
    "Who is the {president|king|queen|mayor|head} of {x}",
    "Who {wrote|invented|painted|discovered|built|won} {x}",
    "What happened in {x}{| in 1900| last year}",
    "How {old|tall|far|heavy|deep|high|long} is {x}",
    "What is {x}",
    "Explain {x}",
    "Tell me about {x}",
    "What does {x} mean",
    "Define {x}",
    "Can you explain {x}",
    "Describe {x}",
    "What do you know about {x}",
    "Who {won|lost} the {cup|match|election|war} in {x}",
    "Write {a poem|a story|an essay|a song|an article|a letter} about {x}",
    "Summarize {the book|the film|the history of} {x}",
    "What is the {history|population|language|currency|flag|area} of {x}",
    "Give me {a recipe for|facts about|news about|ten ideas for} {x}",
    "How do I {cook|repair|grow|play|clean|sell|buy} {x}",
    "What {colour|shape|size} is {x}",
    "Is {x} {good|healthy|dangerous|real|safe|true}",
    "Which {film|book|team|country} is {x}",
    "Do you know {x}",
    "Have you heard of {x}",
    "Where can I buy {x}",
    "What is the meaning of {x}",
    "How does {x} work",
    "Should I {buy|visit|read|eat|marry} {x}",
    "What do you think about {x}",
    "Who is the author of {x}",
    "When is {x}",
    "How much does {x} weigh",
    "Write {python|java} code for {x}",
    "Solve {x}",
    "Compare {x} and {y}",
    "What is the difference between {x} and {y}",
    "Is {x} better than {y}",
    "{x}",
    "{x} and {y}",
    "I like {x}",
    "The {x} is in the {y}",
    "Can you {help me with|teach me|draw|find} {x}",
    "What are the {rules|benefits|dangers|causes} of {x}",
)
_WORLD = (
    """love life the moon the sun history physics the universe music football chess politics religion gravity evolution
    photosynthesis china france germany the sea dinosaurs philosophy happiness money art the war dreams"""
).split()
_WORLD_TOPICS = (
    "the second world war",
    "the french revolution",
    "climate change",
    "the stock market",
    "black holes",
    "the roman empire",
    "quantum physics",
    "the meaning of life",
    "the solar system",
    "my future",
    "the president",
    "a good book",
    "the best film",
    "human rights",
    "the internet",
    "cooking pasta",
    "the weather tomorrow",
    "the news",
    "my homework",
    "a cure for cancer",
)


@lru_cache(maxsize=1)
def _unknown_questions() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All question forms as (trained, held out)."""
    forms = [form for text in _UNKNOWN for form in phrases.expand(text.replace("{x}", "<x>").replace("{y}", "<y>"))]
    return phrases.split_by_hash(forms)


def _subject(source: Source) -> str:
    """What is asked about; the same split holds for invented names."""
    roll = source.rng.random()
    if roll < 0.25:
        return source.split_pick(_WORLD + list(_WORLD_TOPICS))
    if roll < 0.45:
        return source.name() + (" " + source.name() if source.chance(0.5) else "")
    if roll < 0.6:
        return source.city()
    if roll < 0.7:
        return f"{source.pick(('a', 'the', 'my', 'an'))} {source.word()}"
    if roll < 0.75:
        return source.pick(word_lists.LANGUAGES)
    return source.text(1, 2)


def refusal(source: Source) -> Sample:
    """A question about the world: the answer is always that it does not know."""
    trained, held_out = _unknown_questions()
    form = source.pick(held_out if source.held_out else trained)
    question = form.replace("<x>", _subject(source)).replace("<y>", _subject(source))
    return single(type_like_a_person(source, question), REFUSAL, wants_tool=True)


_ODD_FORMS = (
    "Who {w} {x}",
    "How {w} is {x}",
    "Is {x} {w}",
    "Can you {w} {x}",
    "Should I {w} {x}",
    "When did {x} {w}",
    "What {w} is {x}",
    "Why is the {w} {w}",
    "Where does the {w} {w}",
    "Which {w} {w} {x}",
    "What is the {w} of {x}",
    "Give me {w} about {x}",
    "Give me {w} {w} for {x}",
    "Write a {w} about {x}",
    "How do I {w} {x}",
    "Name the {w} of {x}",
    "{w} the {w} of {x}",
    "{w} the {w} {x}",
    "{w} me {x}",
    "I {w} the {w}",
    "My {w} is {w}",
)


def odd_request(source: Source) -> Sample:
    """A request with invented words in any place: what is not known at all is refused too. For training only."""
    return _fill(source, source.pick(_ODD_FORMS))


_LONGER_FORMS = (
    "Describe the {w} of {x}",
    "Describe how to {w} {x}",
    "Describe why {x} is {w}",
    "Compare {w} with {x}",
    "Compare the {w} and the {w} of {x}",
    "Is {x} a good {w}",
    "Is {x} very {w}",
    "Is the {w} good for {x}",
    "What does {x} {w}",
    "What did {x} mean by {w}",
    "How long does {x} {w}",
    "How {w} are {x} and {w}",
)


def longer_request(source: Source) -> Sample:
    """Openings that questions about labkit share, with other ends. For training only."""
    return _fill(source, source.pick(_LONGER_FORMS))


def _fill(source: Source, form: str) -> Sample:
    form = form.replace("{x}", _subject(source))
    while "{w}" in form:
        form = form.replace("{w}", source.word(), 1)
    return single(type_like_a_person(source, form), REFUSAL, wants_tool=True)
