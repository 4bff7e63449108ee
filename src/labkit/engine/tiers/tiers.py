"""Saved prefixes behind the device's own cache: a tier in host memory, and one on disk that survives a restart."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit.engine.tiers.disk import DiskTier, Finished, Found, Gone, Refused, WriteJob
from labkit.engine.tiers.folder import StateFolder
from labkit.engine.tiers.host import HostTier
from labkit.engine.tiers.identity import Identity, packed
from labkit.engine.tiers.prefixes import TOKEN_BYTES, PrefixIndex
from labkit.engine.tiers.record import RecordHeader, record_key

QUEUE_BYTES = 512 * 1024 * 1024
CLOSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class StoredPrefix:
    """A saved state that helps with a prompt.

    Attributes:
        num_tokens: tokens of the prompt that it saves.
        stored_tokens: tokens that the state holds. Where it is more, the engine drops the rest after loading
            (`free_cells` from `num_tokens` on).
        size_bytes: of the state.
    """

    key: str
    num_tokens: int
    stored_tokens: int
    size_bytes: int
    tier: Literal["host", "disk"]


@dataclass(frozen=True, slots=True)
class TierStats:
    """Counts since the start; entries and bytes are of now.

    Attributes:
        misses: `find` without a result, and `load` of a state that was gone or refused.
        refused: files that were damaged, cut, foreign or of another version.
        not_written: states that did not reach the disk: it failed, paused, or was too slow.
        evicted: states that left the last tier that had them for lack of room.
    """

    host_entries: int
    host_bytes: int
    host_hits: int
    disk_entries: int
    disk_bytes: int
    disk_hits: int
    writing_bytes: int
    misses: int
    refused: int
    not_written: int
    evicted: int
    disk_paused: bool


@dataclass(slots=True, eq=False)
class _Entry:
    """A stored sequence. `is_on_disk` may be out of date: other processes delete too."""

    identity: bytes
    tokens: bytes
    state_bytes: int
    is_on_disk: bool = False


class PrefixTiers:
    """Finds and keeps saved states. One thread (the engine's loop) calls all methods; none raises.

    With `forks_anywhere` a state serves every prompt that begins like it; otherwise (recurrent, hybrid,
    sliding-window models) only prompts that begin with all of it.
    """

    def __init__(
        self,
        *,
        host_bytes: int,
        disk_bytes: int = 0,
        folder: Path | StateFolder | None = None,
        forks_anywhere: bool = True,
        queue_bytes: int = QUEUE_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Budgets in bytes, 0 for no such tier. Reads the headers in the folder: blocks on the disk."""
        self._forks_anywhere = forks_anywhere
        self._entries: dict[str, _Entry] = {}
        self._indexes: dict[bytes, PrefixIndex] = {}
        self._host = HostTier(host_bytes)
        self._disk: DiskTier | None = None
        self._host_hits = self._disk_hits = self._misses = self._refused = self._not_written = self._evicted = 0
        if folder is not None and disk_bytes > 0:
            place = folder if isinstance(folder, StateFolder) else StateFolder(folder)
            self._disk = DiskTier(place, disk_bytes, queue_bytes=queue_bytes, clock=clock)
            self._disk.start()
            self._take_news()

    @property
    def has_disk(self) -> bool:
        """Whether there is a tier that survives a restart."""
        return self._disk is not None

    def find(self, identity: Identity, tokens: Sequence[int], at_least: int = 1) -> StoredPrefix | None:
        """The stored state that saves most tokens of this prompt; None when it would be fewer than `at_least`.

        Below 1 ms for 8,192 tokens among thousands of states; does not touch the disk. Leave the last token of a
        prompt out: it is computed in any case, for its logits.
        """
        self._take_news()
        index = self._indexes.get(identity.digest)
        found = self._match(index, packed(tokens)) if index else None
        if found is None or found[1] // TOKEN_BYTES < max(at_least, 1):
            self._misses += 1
            return None
        key, common_bytes = found
        entry = self._entries[key]
        return StoredPrefix(
            key=key,
            num_tokens=common_bytes // TOKEN_BYTES,
            stored_tokens=len(entry.tokens) // TOKEN_BYTES,
            size_bytes=entry.state_bytes,
            tier="host" if self._is_in_memory(key) else "disk",
        )

    def load(self, stored: StoredPrefix) -> bytes | None:
        """The state, at once from the host tier; from the disk it blocks for reading and checking (about 1 GB/s).

        None when it is gone or refused: compute the prompt instead. What came from the disk is in the host tier
        afterwards.
        """
        entry = self._entries.get(stored.key)
        state = self._from_memory(stored.key) if entry else None
        if entry is None:
            self._misses += 1
        elif state is not None:
            self._host_hits += 1
            self._touch(stored.key, entry)
        else:
            state = self._read(stored.key, entry)
        return state

    def discard(self, stored: StoredPrefix) -> None:
        """Forget a state everywhere: the backend did not take it."""
        self._refused += 1
        self._delete(stored.key)

    def save(self, identity: Identity, tokens: Sequence[int], state: bytes) -> None:
        """Keep the state of a sequence that holds just these tokens. Returns at once; the disk follows later.

        What a longer state of about the same size serves as well is not kept twice.
        """
        self._take_news()
        if not tokens or not state:
            return
        raw = packed(tokens)
        index = self._indexes.setdefault(identity.digest, PrefixIndex())
        covering = self._covering(index, raw)
        if covering is not None:
            self._touch(covering, self._entries[covering])
            return
        key = record_key(identity.digest, raw)
        entry = self._entries.setdefault(key, _Entry(identity.digest, raw, len(state)))
        index.add(key, raw)
        self._write(entry, state)
        self._put(key, state)
        for old in self._redundant(index, key, raw):
            self._host.remove(old)
            self._forget_if_gone(old)
        self._forget_if_gone(key)

    def stats(self) -> TierStats:
        """What the tiers hold and what came of them."""
        self._take_news()
        on_disk = [entry for entry in self._entries.values() if entry.is_on_disk]
        return TierStats(
            host_entries=len(self._host),
            host_bytes=self._host.used_bytes,
            host_hits=self._host_hits,
            disk_entries=len(on_disk),
            disk_bytes=sum(entry.state_bytes + len(entry.tokens) for entry in on_disk),
            disk_hits=self._disk_hits,
            writing_bytes=self._disk.writing_bytes if self._disk else 0,
            misses=self._misses,
            refused=self._refused,
            not_written=self._not_written,
            evicted=self._evicted,
            disk_paused=self._disk is not None and self._disk.is_paused,
        )

    def close(self, wait_seconds: float = CLOSE_SECONDS) -> None:
        """Bring to disk what is not there yet, for `wait_seconds` at most. Nothing is of use afterwards."""
        self._take_news()
        if self._disk is not None:
            for key, state in self._host.items():
                self._write(self._entries[key], state, is_last_chance=True)
            self._disk.close(wait_seconds)
            self._take_news()

    def _match(self, index: PrefixIndex, raw: bytes) -> tuple[str, int] | None:
        if self._forks_anywhere:
            return index.longest_common(raw)
        whole = index.whole_beginnings(raw)
        return whole[-1] if whole else None

    def _covering(self, index: PrefixIndex, raw: bytes) -> str | None:
        """A stored sequence that makes `raw` needless: the same, or one that goes on for no more than its length."""
        found = index.longest_common(raw)
        if found is None or found[1] < len(raw):
            return None
        key = found[0]
        whole = self._entries[key].tokens
        is_close = len(whole) <= 2 * len(raw) if self._forks_anywhere else len(whole) == len(raw)
        is_kept = self._is_in_memory(key) or (self._entries[key].is_on_disk and not self._host.budget_bytes)
        return key if is_close and is_kept else None

    def _redundant(self, index: PrefixIndex, key: str, raw: bytes) -> list[str]:
        """Beginnings of `raw` that are at least half as long: so all states of a conversation cost twice the last."""
        if not self._forks_anywhere:
            return []
        return [old for old, size in index.whole_beginnings(raw) if old != key and 2 * size >= len(raw)]

    def _is_in_memory(self, key: str) -> bool:
        return key in self._host or (self._disk is not None and self._disk.is_waiting(key))

    def _from_memory(self, key: str) -> bytes | None:
        state = self._host.get(key)
        if state is None and self._disk is not None:
            return self._disk.waiting_state(key)
        return state

    def _touch(self, key: str, entry: _Entry) -> None:
        self._host.get(key)
        if self._disk is not None and entry.is_on_disk:
            self._disk.touch(key)

    def _read(self, key: str, entry: _Entry) -> bytes | None:
        state = self._disk.read(key, entry.identity, entry.tokens) if self._disk else None
        if state is None:
            self._misses += 1
            entry.is_on_disk = False
            self._forget_if_gone(key)
            return None
        self._disk_hits += 1
        self._put(key, state)
        return state

    def _put(self, key: str, state: bytes) -> None:
        for old, old_state in self._host.put(key, state):
            entry = self._entries[old]
            if old != key and not entry.is_on_disk:
                self._write(entry, old_state)
            self._forget_if_gone(old)
            self._evicted += old not in self._entries

    def _write(self, entry: _Entry, state: bytes, *, is_last_chance: bool = False) -> None:
        if self._disk is None or entry.is_on_disk:
            return
        job = WriteJob(entry.identity, entry.tokens, state)
        if not self._disk.write(job, is_last_chance=is_last_chance):
            self._not_written += 1

    def _delete(self, key: str) -> None:
        self._host.remove(key)
        entry = self._entries.get(key)
        if entry is not None and self._disk is not None:
            self._disk.delete(key)
            entry.is_on_disk = False
        self._forget_if_gone(key)

    def _forget_if_gone(self, key: str) -> None:
        entry = self._entries.get(key)
        if entry is None or entry.is_on_disk or self._is_in_memory(key):
            return
        del self._entries[key]
        index = self._indexes[entry.identity]
        index.remove(key)
        if not index:
            del self._indexes[entry.identity]

    def _take_news(self) -> None:
        for event in self._disk.news() if self._disk else ():
            if isinstance(event, Found):
                self._found(event.header)
                continue
            entry = self._entries.get(event.key)
            if isinstance(event, Finished):
                self._not_written += event.error is not None
            elif entry is not None:
                entry.is_on_disk = False
                self._evicted += isinstance(event, Gone) and not self._is_in_memory(event.key)
            self._refused += isinstance(event, Refused)
            self._forget_if_gone(event.key)

    def _found(self, header: RecordHeader) -> None:
        key = header.key
        entry = self._entries.setdefault(key, _Entry(header.identity, header.tokens, header.state_bytes))
        entry.is_on_disk = True
        index = self._indexes.setdefault(header.identity, PrefixIndex())
        index.add(key, header.tokens)
        for old in self._redundant(index, key, header.tokens):
            self._delete(old)
