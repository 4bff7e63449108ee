"""Which models are loaded, unloaded, kept waiting or refused: decisions over bytes. Pure.

A model in use is never unloaded, nor one that stays. Of the others the least recently used go first, and no more of
them than are needed. Loads that wait for room are served in the order in which they came; a later one passes them
only where it fits beside them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

ResidentState = Literal["loading", "loaded", "leaving"]


@dataclass(frozen=True, slots=True)
class Resident:
    """A model that takes memory. Times are monotonic seconds.

    Attributes:
        state: "leaving" until its worker is gone: its memory counts until then.
        is_used: whether requests run or wait for it.
        stays: it is not unloaded to make room, nor for want of requests.
        last_used: when its last request ended, or it was loaded.
        keep_alive_seconds: how long it stays without a request; infinity until another needs its memory.
    """

    name: str
    memory_bytes: int
    state: ResidentState = "loaded"
    is_used: bool = False
    stays: bool = False
    last_used: float = 0.0
    keep_alive_seconds: float = math.inf

    @property
    def may_leave(self) -> bool:
        """Whether it can be unloaded now."""
        return self.state == "loaded" and not self.is_used and not self.stays

    @property
    def expires_at(self) -> float:
        """When it goes for want of requests; infinity for never, or while it is in use."""
        return self.last_used + self.keep_alive_seconds if self.may_leave else math.inf


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model that requests wait for."""

    name: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, by names. Each wanted model is in exactly one of `load`, `wait` and `refuse`.

    Attributes:
        load: to be loaded at once, there is room.
        unload: to make room for some that wait.
        wait: until room is free.
        refuse: they would not fit if everything that may ever leave had left.
    """

    load: tuple[str, ...] = ()
    unload: tuple[str, ...] = ()
    wait: tuple[str, ...] = ()
    refuse: tuple[str, ...] = ()


def decide(wanted: Sequence[Wanted], residents: Sequence[Resident], budget_bytes: int | None) -> Decision:
    """What to do for `wanted`, oldest first. Without a known budget everything is loaded."""
    if budget_bytes is None:
        return Decision(load=tuple(want.name for want in wanted))
    room = _Room(residents, budget_bytes)
    answers: dict[str, list[str]] = {"load": [], "wait": [], "refuse": []}
    for want in wanted:
        answers[room.answer(want)].append(want.name)
    load, wait, refuse = (tuple(names) for names in answers.values())
    return Decision(load, tuple(room.unload), wait, refuse)


def largest_possible(residents: Sequence[Resident], budget_bytes: int) -> int:
    """Bytes that one more model could have, if everything that may ever leave had left."""
    return budget_bytes - sum(resident.memory_bytes for resident in residents if resident.stays)


def expired(residents: Sequence[Resident], now: float) -> tuple[str, ...]:
    """Models that nobody asked for as long as they were to be kept."""
    return tuple(resident.name for resident in residents if resident.expires_at <= now)


def next_expiry(residents: Sequence[Resident]) -> float:
    """When the next of them expires, if nothing happens; infinity for never."""
    return min((resident.expires_at for resident in residents), default=math.inf)


class _Room:
    """Memory that is handed out while one decision is made."""

    def __init__(self, residents: Sequence[Resident], budget_bytes: int) -> None:
        self._most = largest_possible(residents, budget_bytes)
        self._free = budget_bytes - sum(resident.memory_bytes for resident in residents)
        self._coming = sum(resident.memory_bytes for resident in residents if resident.state == "leaving")
        leaving = (resident for resident in residents if resident.may_leave)
        self._idle = sorted(leaving, key=lambda resident: (resident.last_used, resident.name))
        self._promised = 0  # to those who wait for models in use
        self.unload: list[str] = []

    def answer(self, want: Wanted) -> Literal["load", "wait", "refuse"]:
        size = want.memory_bytes
        if size > self._most:
            return "refuse"
        if size <= self._free and size + self._promised <= self._most:
            self._free -= size
            return "load"
        if self._promised or not self._make_room(size):
            self._promised += size
        return "wait"

    def _make_room(self, size: int) -> bool:
        """Set room for `size` apart, unloading what must go for it. False when models in use are in the way."""
        victims = fewest(self._idle, size - self._free - self._coming)
        if victims is None:
            return False
        self.unload += [victim.name for victim in victims]
        self._idle = [resident for resident in self._idle if resident not in victims]
        self._coming += sum(victim.memory_bytes for victim in victims)
        taken = min(size, self._coming)
        self._coming -= taken
        self._free -= size - taken
        return True


def fewest(idle: Sequence[Resident], lacking_bytes: int) -> tuple[Resident, ...] | None:
    """Of `idle`, least recently used first, those that must go to free so many bytes; None when all are too few.

    The oldest are taken until it is enough; then those that turn out not to be needed are kept, the latest used first.
    """
    victims: list[Resident] = []
    freed = 0
    for resident in idle:
        if freed >= lacking_bytes:
            break
        victims.append(resident)
        freed += resident.memory_bytes
    if freed < lacking_bytes:
        return None
    for resident in reversed(victims.copy()):
        if freed - resident.memory_bytes >= lacking_bytes:
            victims.remove(resident)
            freed -= resident.memory_bytes
    return tuple(victims)
