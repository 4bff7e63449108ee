"""The books of the KV cache: which slots run, which keep finished sequences, and what makes room for what.

Nothing here touches a cell. Every change returns the moves that make the native cache agree; the engine carries them
out before the next forward.
"""

from collections import OrderedDict

from labkit.engine.core.moves import Copy, Drop, Identity, Move, Save
from labkit.engine.core.prefix_tree import Match, PrefixTree
from labkit.engine.core.slots import Slots

MIN_KEPT_TOKENS = 16
"""Shorter sequences are computed again faster than they are looked after."""


class KvCache:
    """Slots, cells, and the prefix tree over both. One loop owns it."""

    def __init__(
        self,
        *,
        num_slots: int,
        num_cells: int,
        cached_cells: int | None = None,
        forks_anywhere: bool = True,
        saves: bool = False,
    ) -> None:
        """`cached_cells` bounds the cells that only finished sequences hold; `saves` asks for a slower tier."""
        self.num_cells = num_cells
        self.forks_anywhere = forks_anywhere
        self.tree = PrefixTree()
        self.running: set[int] = set()
        self._cached: OrderedDict[int, None] = OrderedDict()  # least recently used first
        self._cached_cells = num_cells if cached_cells is None else cached_cells
        self._saves = saves
        self._slots = Slots(num_slots)

    @property
    def num_free(self) -> int:
        """Cells that nobody holds."""
        return self.num_cells - self.tree.num_cells

    @property
    def num_running_cells(self) -> int:
        """Cells that running sequences hold."""
        return self.tree.cells_of(self.running)

    @property
    def num_cached_slots(self) -> int:
        """Finished sequences that are kept."""
        return len(self._cached)

    @property
    def can_acquire(self) -> bool:
        """Whether a slot is free or can be taken from a finished sequence."""
        return bool(self._slots.num_free or self._cached)

    def match(self, identity: Identity, tokens: list[int], limit: int) -> Match | None:
        """The slot to copy from for `tokens`, and how much: the most that the model allows."""
        if self.forks_anywhere:
            return self.tree.longest_match(identity, tokens, limit)
        return self.tree.longest_whole_match(identity, tokens, limit)

    def shared_with_running(self, identity: Identity, tokens: list[int], limit: int) -> int:
        """How many of the first cells of `tokens` running sequences hold, so that sharing them takes no room."""
        if not self.forks_anywhere:
            whole = self.match(identity, tokens, limit)
            limit = whole.num_tokens if whole else 0
        match = self.tree.longest_match(identity, tokens, limit, among=self.running)
        return match.num_tokens if match else 0

    def start(self, identity: Identity, match: Match | None = None) -> tuple[int, list[Move]]:
        """A slot for a new sequence, which shares `match`. Raises IndexError unless `can_acquire`."""
        if not self.can_acquire:
            raise IndexError("no slot is free")
        if match is not None and match.slot in self._cached:
            self._cached.move_to_end(match.slot)
            if not self._slots.num_free and len(self._cached) == 1:
                return self._take_over(match)
        moves = [] if self._slots.num_free else self._evict(next(iter(self._cached)))
        slot = self._slots.acquire()
        self.tree.plant(slot, identity)
        self.running.add(slot)
        if match is not None:
            self.tree.share(match.slot, slot, match.num_tokens)
            moves.append(Copy(match.slot, slot, match.num_tokens))
        return slot, moves

    def extend(self, slot: int, tokens: list[int]) -> None:
        """A forward has computed `tokens` for `slot`."""
        self.tree.extend(slot, tokens)

    def truncate(self, slot: int, num_tokens: int) -> list[Move]:
        """`slot` goes back to its first `num_tokens`."""
        if self.tree.length(slot) <= num_tokens:
            return []
        self.tree.truncate(slot, num_tokens)
        return [Drop(slot, num_tokens)]

    def snapshot(self, slot: int) -> list[Move]:
        """Keep a copy of a running `slot` as it stands, for models that can only copy whole sequences."""
        if not self.can_acquire or self.tree.length(slot) < MIN_KEPT_TOKENS:
            return []
        match = Match(slot, self.tree.length(slot))
        copy, moves = self.start(self._identity(slot), match)
        self.running.discard(copy)
        self._cached[copy] = None
        return moves

    def finish(self, slot: int, *, keep: bool) -> list[Move]:
        """A sequence has ended: its cells stay for others when `keep`, within the budget."""
        self.running.discard(slot)
        if not keep or self.tree.length(slot) < MIN_KEPT_TOKENS:
            return self._drop(slot) + self._trim()
        twin = self._twin(slot)
        if twin is not None:
            self._cached.move_to_end(twin)
            return self._drop(slot) + self._trim()
        moves = self._forget_covered(slot) if self.forks_anywhere else []
        if slot in self.tree:
            self._cached[slot] = None
        return moves + self._trim()

    def make_room(self, num_cells: int) -> list[Move]:
        """Give up finished sequences, least recently used first, until `num_cells` are free or none is left."""
        moves: list[Move] = []
        while self.num_free < num_cells and self._cached:
            moves += self._evict(next(iter(self._cached)))
        return moves

    def forget(self, digest: str) -> list[Move]:
        """Drop finished sequences that were computed under the adapter with this digest."""
        stale = [slot for slot in self._cached if any(digest == each for each, _ in self._identity(slot).adapters)]
        return [move for slot in stale for move in self._drop(slot)]

    def check_integrity(self) -> None:
        """Raise RuntimeError when slots or cells do not add up. For tests."""
        self.tree.check_integrity()
        if self.num_free < 0:
            raise RuntimeError(f"{self.tree.num_cells} cells in use of {self.num_cells}")
        if self.running & set(self._cached):
            raise RuntimeError("a slot runs and is cached")
        held = len(self.running) + len(self._cached)
        if held + self._slots.num_free != self._slots.count:
            raise RuntimeError(f"{held} slots held, {self._slots.num_free} free, of {self._slots.count}")

    def _identity(self, slot: int) -> Identity:
        identity = self.tree.identity(slot)
        if not isinstance(identity, Identity):
            raise TypeError(f"slot {slot} has no identity")
        return identity

    def _take_over(self, match: Match) -> tuple[int, list[Move]]:
        """Go on in the slot that would be copied from: no other one is to be had."""
        del self._cached[match.slot]
        self.running.add(match.slot)
        return match.slot, self.truncate(match.slot, match.num_tokens)

    def _evict(self, slot: int) -> list[Move]:
        saved: list[Move] = []
        if self._saves and self.tree.length(slot) >= MIN_KEPT_TOKENS and not self.tree.is_covered(slot):
            saved.append(Save(slot, self._identity(slot), tuple(self.tree.path(slot))))
        return saved + self._drop(slot)

    def _drop(self, slot: int) -> list[Move]:
        self._cached.pop(slot, None)
        self.tree.remove(slot)
        self._slots.release(slot)
        return [Drop(slot)]

    def _twin(self, slot: int) -> int | None:
        """A kept sequence that serves whom `slot` would serve: the same tokens, computed at the same time."""
        length = self.tree.length(slot)
        lengths = {other: self.tree.length(other) for other in self._cached}
        able = [
            other for other, tokens in lengths.items() if tokens == length or (self.forks_anywhere and tokens > length)
        ]
        if not able:
            return None
        match = self.tree.longest_match(self._identity(slot), self.tree.path(slot), length, among=able)
        return match.slot if match and match.num_tokens == length else None

    def _forget_covered(self, slot: int) -> list[Move]:
        """Of two kept sequences, one of which begins with the other, the longer one serves both."""
        covered = [other for other in self._cached if self.tree.shares_tip(other, slot)]
        moves = [move for other in covered for move in self._drop(other)]
        if self.tree.is_covered(slot):
            moves += self._drop(slot)
        return moves

    def _trim(self) -> list[Move]:
        moves: list[Move] = []
        if self._cached_cells >= self.num_cells:
            return moves
        while self._cached and self.tree.num_cells - self.num_running_cells > self._cached_cells:
            moves += self._evict(next(iter(self._cached)))
        return moves
