"""Words, names and numbers for the generator, with a fixed eighth of everything held out.

Held out means: the hash of a *semantic key* (a word, an operand pair, a paraphrase) says so, so the same thing is held
out in every task that uses it. Half or more of all words are invented, so a model can only pass by copying.
"""

from __future__ import annotations

import random
import string
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from labkit.tune.nano import word_lists

HELD_OUT_PART = 8
"""One part in this many is never trained on."""

_ONSETS = "b c d f g h j k l m n p r s t v w y z br cr dr gr pl st tr sh ch th qu".split()
_VOWELS = "a e i o u a e i o u ai ea oo ie".split()
_CODAS = "n r l s m t k x d p ck nd".split()
_LETTERS = string.ascii_lowercase
_LETTER_WEIGHTS = (8, 2, 3, 4, 12, 2, 2, 4, 7, 1, 2, 4, 3, 7, 8, 2, 1, 6, 6, 9, 3, 1, 2, 1, 2, 1)

Item = TypeVar("Item")


def is_held_out(key: str) -> bool:
    """True for a fixed eighth of all keys; case and outer spaces do not matter."""
    return zlib.crc32(key.strip().lower().encode()) % HELD_OUT_PART == 0


def invent_word(rng: random.Random) -> str:
    """A pronounceable word of one to three syllables that is (nearly always) in no dictionary."""
    parts: list[str] = []
    for _ in range(rng.choice((1, 2, 2, 2, 3))):
        parts += (rng.choice(_ONSETS), rng.choice(_VOWELS), rng.choice(_CODAS) if rng.random() < 0.4 else "")
    return "".join(parts)


def scramble_word(rng: random.Random) -> str:
    """Three to eight letters by English frequency: covers pieces that syllables never form."""
    return "".join(rng.choices(_LETTERS, weights=_LETTER_WEIGHTS, k=rng.randint(3, 8)))


def alter_word(rng: random.Random, word: str) -> str:
    """A known word with one letter replaced or inserted, so that it falls apart into unusual pieces."""
    at = rng.randrange(len(word))
    return word[:at] + rng.choice(_LETTERS) + word[at + rng.randint(0, 1) :]


@dataclass(frozen=True)
class Source:
    """Random choices that respect one side of the split.

    With `held_out` every word, name and operand pair drawn here is one that training never shows; without it, never
    such a one. Not thread-safe (it advances `rng`).
    """

    rng: random.Random
    held_out: bool = False

    def draw(self, make: Callable[[], Item], key: Callable[[Item], str] = str) -> Item:
        """The first result of `make` whose key lies on this side of the split."""
        while True:
            item = make()
            if is_held_out(key(item)) == self.held_out:
                return item

    def pick(self, items: Sequence[Item]) -> Item:
        """Any item: for wording that both sides share."""
        return self.rng.choice(items)

    def split_pick(self, items: Sequence[str]) -> str:
        """An item of a known list that lies on this side of the split."""
        return self.draw(lambda: self.rng.choice(items))

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.rng.random() < probability

    def integer(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included; numbers alone are not split."""
        return self.rng.randint(low, high)

    def word(self) -> str:
        """A lower-case word: 40 % from lists, the others invented."""
        return self.draw(lambda: self._any_word(word_lists.THINGS))

    def name(self) -> str:
        """A person's name, capitalised."""
        return self.draw(lambda: self._any_word(word_lists.NAMES)).capitalize()

    def city(self) -> str:
        """A town, capitalised."""
        return self.draw(lambda: self._any_word(word_lists.CITIES)).capitalize()

    def words(self, low: int, high: int) -> list[str]:
        """Different words, from `low` to `high` of them."""
        wanted = self.integer(low, high)
        found: dict[str, None] = {}
        while len(found) < wanted:
            found[self.word()] = None
        return list(found)

    def text(self, low: int, high: int) -> str:
        """Words with single spaces."""
        return " ".join(self.words(low, high))

    def code(self) -> str:
        """A short identifier such as `KX-47` or `B12`."""
        letters = "".join(self.rng.choices(string.ascii_uppercase, k=self.integer(1, 3)))
        return letters + self.pick(("", "-")) + str(self.integer(1, 99))

    def _any_word(self, known: Sequence[str]) -> str:
        roll = self.rng.random()
        if roll < 0.4:
            return self.rng.choice(known)
        if roll < 0.8:
            return invent_word(self.rng)
        if roll < 0.9:
            return alter_word(self.rng, self.rng.choice(known))
        return scramble_word(self.rng)
