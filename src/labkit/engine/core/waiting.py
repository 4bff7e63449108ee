"""The queue before the slots: three lanes, first come first served in each, nobody overtaken for ever."""

from collections import deque
from collections.abc import Iterator
from typing import get_args

from labkit.engine.core.sequence import Sequence
from labkit.engine.types import Lane

LANES: tuple[Lane, ...] = get_args(Lane)
"""Best first."""
PATIENCE_SECONDS = 30.0
"""After each such wait a sequence counts as one lane better, so that a busy lane cannot starve the others."""


def rank(lane: Lane, waited_seconds: float = 0.0) -> int:
    """Place of a lane, 0 is best, after so long a wait."""
    return max(0, LANES.index(lane) - int(waited_seconds / PATIENCE_SECONDS))


def urgency(sequence: Sequence) -> int:
    """Place of a running sequence: its lane, or the best one that waits for what it is computing."""
    own = rank(sequence.request.lane)
    return min(own, sequence.lent_rank) if sequence.num_computed < sequence.lent_until else own


class WaitingQueue:
    """Sequences that wait for a slot."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, deque[Sequence]] = {lane: deque() for lane in LANES}

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def __iter__(self) -> Iterator[Sequence]:
        for lane in self._lanes.values():
            yield from lane

    def put(self, sequence: Sequence) -> None:
        """At the end of its lane."""
        self._lanes[sequence.request.lane].append(sequence)

    def put_back(self, sequence: Sequence) -> None:
        """At the head of its lane: it ran already."""
        self._lanes[sequence.request.lane].appendleft(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Take it out. Raises ValueError when it does not wait."""
        self._lanes[sequence.request.lane].remove(sequence)

    def in_order(self, now: float) -> list[Sequence]:
        """Who comes first: by lane, long waits moved up; then by arrival, those that ran already before all others."""

        def key(sequence: Sequence) -> tuple[int, bool, float]:
            return (
                rank(sequence.request.lane, now - sequence.arrived),
                sequence.admitted is None,
                sequence.arrived,
            )

        return sorted(self, key=key)
