"""Prompt look-up: what followed the last tokens when they stood in the text before is proposed again.

After Saxena, "Prompt Lookup Decoding" (2023). Edits, quotations, code and tool results repeat their prompt at length.
"""

from collections.abc import Iterable, Sequence

import numpy as np

LENGTHS = (4, 3, 2)
# Powers of an odd number modulo 2**64: an n-gram's hash. Two with one hash cost a wrong draft, never a wrong answer.
_POWERS = tuple(pow(0x9E3779B97F4A7C15, power, 1 << 64) for power in range(max(LENGTHS)))
_MASK = (1 << 64) - 1
_BULK = 64


class PromptLookup:
    """Index over one sequence's n-grams, longest tried first, latest occurrence first.

    `extend` costs O(1) per token, `propose` O(tokens proposed). About 0.4 KB per token.
    """

    def __init__(self, tokens: Iterable[int] = ()) -> None:
        self._tokens: list[int] = []
        self._following: dict[int, dict[int, int]] = {length: {} for length in LENGTHS}
        self._source: int | None = None
        self.extend(tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def extend(self, tokens: Iterable[int]) -> None:
        """Append what was added to the sequence."""
        old = len(self._tokens)
        self._tokens.extend(tokens)
        self._follow(old)
        end = len(self._tokens)
        for length, following in self._following.items():
            # An n-gram enters when its successor is known, so the newest one never finds itself.
            first = max(old, length)
            if end > first:
                hashes = _hashes(self._tokens[first - length : end - 1], length)
                following.update(zip(hashes, range(first, end), strict=True))

    def propose(self, max_tokens: int) -> tuple[int, ...]:
        """At most `max_tokens` tokens that may come next; empty when the last two never stood in the text before.

        Where the last proposal came true, its source is read on. A source that reaches the end of the text goes on
        with the proposal itself, so a repeated pattern is proposed as often as asked.
        """
        if self._source is None:
            self._source = self._find()
        if self._source is None or max_tokens < 1:
            return ()
        draft = self._tokens[self._source : self._source + max_tokens]
        period = len(draft)
        while len(draft) < max_tokens:
            draft.append(draft[-period])
        return tuple(draft)

    def _find(self) -> int | None:
        for length, following in self._following.items():
            if len(self._tokens) > length:
                position = following.get(_hash(self._tokens[-length:]))
                if position is not None:
                    return position
        return None

    def _follow(self, start: int) -> None:
        """Move the source along the tokens from `start` on; lose it at the first that differs."""
        if self._source is None:
            return
        for token in self._tokens[start:]:
            if self._tokens[self._source] != token:
                self._source = None
                return
            self._source += 1


def _hash(tokens: Sequence[int]) -> int:
    return sum(token * power for token, power in zip(tokens, _POWERS, strict=False)) & _MASK


def _hashes(tokens: Sequence[int], length: int) -> list[int]:
    """The hash of every `length` consecutive tokens; numpy pays for a prompt, not for a decode step."""
    count = len(tokens) - length + 1
    if count < _BULK:
        return [_hash(tokens[place : place + length]) for place in range(count)]
    numbers = np.array(tokens, np.uint64)
    total = np.zeros(count, np.uint64)
    for place, power in enumerate(_POWERS[:length]):
        total += numbers[place : place + count] * np.uint64(power)
    return total.tolist()
