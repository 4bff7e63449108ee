"""What waits for clients that read slowly, bounded for all of them together. Pure.

A bound for each alone would cut off clients that are only slower than a fast model; memory is what must not run out,
and that is everybody's.
"""

from collections.abc import Iterable
from typing import Protocol

from labkit.units import MIB
from labkit.worker.messages import Delta

MAX_BYTES = 16 * MIB
_DELTA_BYTES = 400
_TOKEN_BYTES = 130  # of a token's log-probability, as Python keeps it


class Behind(Protocol):
    """Whoever is behind."""

    def give_up(self) -> None:
        """End it: it holds the most when all together hold too much."""
        ...


class Backlog:
    """Counts what waits; over the bound the one that holds the most is given up."""

    def __init__(self, most_bytes: int = MAX_BYTES) -> None:
        self._most_bytes = most_bytes
        self._num_bytes = 0
        self._held: dict[Behind, int] = {}

    @property
    def num_bytes(self) -> int:
        """What waits in all, about."""
        return self._num_bytes

    def hold(self, who: Behind, deltas: Iterable[Delta]) -> None:
        """`who` keeps these until they are read."""
        size = sum(map(weight_of, deltas))
        self._num_bytes += size
        self._held[who] = self._held.get(who, 0) + size
        while self._num_bytes > self._most_bytes and self._held:
            most = max(self._held, key=self._held.__getitem__)
            self.release(most)
            most.give_up()

    def read(self, who: Behind, deltas: Iterable[Delta]) -> None:
        """`who` keeps these no more."""
        size = min(sum(map(weight_of, deltas)), self._held.get(who, 0))
        self._num_bytes -= size
        if who in self._held:
            self._held[who] -= size

    def release(self, who: Behind) -> None:
        """`who` keeps nothing any more."""
        self._num_bytes -= self._held.pop(who, 0)


def weight_of(delta: Delta) -> int:
    """Bytes that a delta takes in memory, about."""
    logprobs = sum(1 + len(entry.top) for entry in delta.logprobs)
    calls = sum(len(call.arguments) for call in delta.tool_calls)
    return _DELTA_BYTES + len(delta.content) + len(delta.reasoning) + calls + _TOKEN_BYTES * logprobs
