"""The tokens that a native sampler looks at: as few as give the same answer, because each one costs time.

A vocabulary of 152,000 tokens takes llama.cpp 0.25 ms to copy and 2 ms to turn into probabilities. Here numpy finds
the few that can be chosen, in the original order, and only those go through the native chain
(benchmarks/native_calls.py).
"""

import ctypes
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from labkit.errors import ForwardError

Logits = npt.NDArray[np.float32]
Tokens = npt.NDArray[np.int64]
_ROWS = 64
_NUCLEUS = 256
_LOWEST = float(np.finfo(np.float32).min)
_ITEM = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])


class Candidates:
    """Scratch memory for one vocabulary, shared by all samplers of one thread.

    Logits are seen as a grid of 64 rows (token = row * columns + column): the maximum of each column tells which
    few of them are worth a look.
    """

    def __init__(self, vocab_size: int) -> None:
        self._columns = max(1, vocab_size // _ROWS)
        self._body = vocab_size // _ROWS * _ROWS
        self._maxima = np.empty(self._columns, np.float32)
        self._mass = np.empty(vocab_size, np.float32)
        self._all = np.arange(vocab_size)
        self._items = np.empty(vocab_size, _ITEM)
        self._pointer: Any = ctypes.cast(self._items.ctypes.data, llama_cpp.llama_token_data_p)
        self._struct = llama_cpp.llama_token_data_array(data=self._pointer, size=0, selected=-1, sorted=False)
        self.modified: Logits = np.empty(vocab_size, np.float32)

    # Which tokens

    def largest(self, logits: Logits, count: int) -> Tokens:
        """At least the `count` tokens with the largest logits, in the order of their ids; few others."""
        if not self._body or count > self._columns:
            return self._all
        maxima = self._column_maxima(logits)
        place = self._columns - count
        # So many columns reach this bound, each with at least one token.
        return self._at_least(logits, maxima, float(np.partition(maxima, place)[place]))

    def at_least(self, logits: Logits, bound: float) -> Tokens:
        """Tokens whose logit is `bound` or more, in the order of their ids; never those that a mask has ruled out."""
        return self._at_least(logits, self._column_maxima(logits), bound) if self._body else self._all

    def nucleus(self, logits: Logits, best: float, top_p: float) -> Tokens | None:
        """The fewest tokens that together have the probability `top_p`, best first; None when they are many."""
        total = self._exponentiate(logits, best, 1.0).sum(dtype=np.float64)
        tokens = self.largest(logits, min(_NUCLEUS, self._columns))
        tokens = tokens[np.argsort(-logits[tokens], kind="stable")]
        reached = np.cumsum(self._mass[tokens], dtype=np.float64)
        count = int(np.searchsorted(reached, top_p * total)) + 1
        return tokens[:count] if count <= len(tokens) else None

    def draw(self, logits: Logits, best: float, temperature: float, number: float) -> int:
        """A token with the probability that softmax(logits / temperature) gives it. `number` is uniform in [0, 1)."""
        mass = self._exponentiate(logits, best, temperature)
        grid, rest = mass[: self._body].reshape(-1, self._columns), mass[self._body :]
        reached = np.cumsum(np.concatenate((grid.sum(axis=0), rest)), dtype=np.float64)
        target = number * reached[-1]
        place = _first_beyond(reached, target)
        if place >= grid.shape[1]:
            return self._body + place - grid.shape[1]
        below = reached[place - 1] if place else 0.0
        row = _first_beyond(np.cumsum(grid[:, place], dtype=np.float64), target - below)
        return row * self._columns + place

    def _column_maxima(self, logits: Logits) -> Logits:
        return logits[: self._body].reshape(-1, self._columns).max(axis=0, out=self._maxima)

    def _at_least(self, logits: Logits, maxima: Logits, bound: float) -> Tokens:
        bound = max(bound, _LOWEST)
        columns = np.flatnonzero(maxima >= bound)
        if len(columns) * 4 > self._columns:
            return np.flatnonzero(logits >= bound)
        rows, places = np.nonzero(logits[: self._body].reshape(-1, self._columns)[:, columns] >= bound)
        rest = np.flatnonzero(logits[self._body :] >= bound) + self._body
        return np.concatenate((rows * self._columns + columns[places], rest))

    def _exponentiate(self, logits: Logits, best: float, temperature: float) -> Logits:
        mass = np.subtract(logits, np.float32(best), out=self._mass)
        if temperature != 1.0:
            mass *= np.float32(1.0 / temperature)
        return np.exp(mass, out=mass)

    # The native array

    def fill(self, logits: Logits, tokens: Tokens | None = None, *, is_sorted: bool = False) -> None:
        """Let native samplers see `tokens` (None: all) with their logits; `is_sorted` when the best come first."""
        count = len(logits) if tokens is None else len(tokens)
        items = self._items[:count]
        items["id"] = self._all if tokens is None else tokens
        items["logit"] = logits if tokens is None else logits[tokens]
        self._struct.data = self._pointer  # XTC drops the first ones by moving the pointer
        self._struct.size = count
        self._struct.selected = -1
        self._struct.sorted = is_sorted

    def apply(self, sampler: Any) -> None:
        """Run a native sampler over them."""
        llama_cpp.llama_sampler_apply(sampler, ctypes.byref(self._struct))  # pyright: ignore[reportArgumentType]

    def write_back(self, logits: Logits) -> None:
        """Put the logits that a sampler has changed back to where they came from."""
        items = self._items[: self._struct.size]
        logits[items["id"]] = items["logit"]

    def selected(self) -> int:
        """The token that the last sampler chose. Raises ForwardError when it chose none."""
        place = self._struct.selected
        if not 0 <= place < self._struct.size:
            raise ForwardError("the sampler chose no token")
        return int(self._struct.data[place].id)


def _first_beyond(reached: npt.NDArray[np.float64], target: float) -> int:
    """Index of the first running sum that is larger than `target`; rounding never leads behind the last growth."""
    place = int(np.searchsorted(reached, target, side="right"))
    return place if place < len(reached) else int(np.searchsorted(reached, reached[-1]))
