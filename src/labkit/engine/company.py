"""Who was computed beside whom. Counted by groups of forwards, because the same sequences go together for long."""

from labkit.engine.core.sequence import Sequence
from labkit.engine.types import Company

MAX_NAMES = 16


class Companions:
    """Counts forwards for every sequence. Modifies itself; one loop owns it."""

    def __init__(self) -> None:
        self._group: list[Sequence] = []
        self._num_forwards = 0
        self._counts: dict[Sequence, _Count] = {}

    def note(self, group: list[Sequence]) -> None:
        """A forward of `group` is done."""
        if group != self._group:
            self._settle()
            self._group = group
        self._num_forwards += 1

    def take(self, sequence: Sequence) -> Company:
        """What is known of `sequence`, which has ended."""
        self._settle()
        count = self._counts.pop(sequence, None) or _Count()
        return Company(
            request_ids=tuple(count.names),
            most=count.most,
            mean_batch=count.num_sequences / count.num_forwards if count.num_forwards else 0.0,
            num_forwards=count.num_forwards,
            num_preemptions=sequence.num_preemptions,
        )

    def forget(self, sequence: Sequence) -> None:
        """It has ended, and nobody wants to know."""
        self._settle()
        self._counts.pop(sequence, None)

    def _settle(self) -> None:
        group, num_forwards = self._group, self._num_forwards
        if not num_forwards:
            return
        names = [sequence.request.request_id for sequence in group]
        for sequence in group:
            count = self._counts.get(sequence)
            if count is None:
                count = self._counts[sequence] = _Count()
            count.add(sequence.request.request_id, names, num_forwards)
        self._group, self._num_forwards = [], 0


class _Count:
    __slots__ = ("most", "names", "num_forwards", "num_sequences")

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self.most = 0
        self.num_sequences = 0
        self.num_forwards = 0

    def add(self, own: str, names: list[str], num_forwards: int) -> None:
        self.num_forwards += num_forwards
        self.num_sequences += num_forwards * len(names)
        self.most = max(self.most, len(names) - 1)
        for name in names:
            if len(self.names) == MAX_NAMES:
                return
            if name != own:
                self.names[name] = None
