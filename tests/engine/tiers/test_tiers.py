import json
import logging
import os
import random
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.state_folder import FillingFolder
from labkit.engine.tiers import Identity, PrefixTiers
from labkit.engine.tiers.disk import PAUSE_SECONDS
from labkit.engine.tiers.record import HEADER_BYTES

IDENTITY = Identity("model", "build", ("f16",), (), "alice")
MIB = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "states"


def open_tiers(folder, host_bytes=MIB, disk_bytes=MIB, **options) -> PrefixTiers:
    return PrefixTiers(host_bytes=host_bytes, disk_bytes=disk_bytes, folder=folder, **options)


def settled(tiers: PrefixTiers) -> PrefixTiers:
    """Wait until the disk thread has nothing left to do."""
    while tiers.stats().writing_bytes:
        time.sleep(0.002)
    return tiers


def load(tiers: PrefixTiers, tokens, identity=IDENTITY) -> bytes | None:
    found = tiers.find(identity, tokens)
    return tiers.load(found) if found else None


def test_the_longest_common_beginning_is_found_in_memory():
    tiers = PrefixTiers(host_bytes=MIB)
    tiers.save(IDENTITY, range(100), b"state of 100")
    tiers.save(IDENTITY, [*range(10), 500], b"state of 11")
    found = tiers.find(IDENTITY, [*range(60), 777, 778])
    assert found is not None
    assert (found.num_tokens, found.stored_tokens, found.tier, found.size_bytes) == (60, 100, "host", 12)
    assert tiers.load(found) == b"state of 100"
    assert tiers.find(IDENTITY, range(60), at_least=61) is None
    assert tiers.find(IDENTITY, [999]) is None
    assert (tiers.stats().host_hits, tiers.stats().misses) == (1, 2)


def test_models_that_cannot_fork_get_whole_sequences_only():
    tiers = PrefixTiers(host_bytes=MIB, forks_anywhere=False)
    tiers.save(IDENTITY, range(50), b"50")
    tiers.save(IDENTITY, range(100), b"100")
    assert load(tiers, range(99)) == b"50"
    assert load(tiers, range(100)) == b"100"
    assert load(tiers, range(300)) == b"100"
    assert tiers.find(IDENTITY, range(49)) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(IDENTITY, tenant="bob"),
        replace(IDENTITY, adapters=(("lora", 1.0),)),
        replace(IDENTITY, model="other"),
        replace(IDENTITY, build="other"),
        replace(IDENTITY, context=("q8_0",)),
    ],
)
def test_no_state_is_found_under_another_identity(folder, other):
    tiers = open_tiers(folder)
    tiers.save(IDENTITY, range(10), b"alice's")
    assert tiers.find(other, range(10)) is None
    tiers.save(other, range(10), b"the other's")
    tiers.close()
    again = open_tiers(folder)
    assert load(again, range(10)) == b"alice's"
    assert load(again, range(10), other) == b"the other's"
    again.close()


def test_states_survive_a_restart(folder):
    tiers = open_tiers(folder)
    tiers.save(IDENTITY, range(100), b"first")
    tiers.save(IDENTITY, range(1000, 1100), b"second")
    tiers.close()
    again = open_tiers(folder)
    found = again.find(IDENTITY, [*range(1000, 1050), 7])
    assert found is not None
    assert (found.num_tokens, found.tier) == (50, "disk")
    assert again.load(found) == b"second"
    assert again.find(IDENTITY, range(1000, 1050)).tier == "host"
    assert load(again, range(100)) == b"first"
    assert (again.stats().disk_hits, again.stats().disk_entries) == (2, 2)
    again.close()


@pytest.mark.parametrize("place", [0, 8, 12, 44, 48, 60, 90, HEADER_BYTES, HEADER_BYTES + 39, HEADER_BYTES + 40, -1])
def test_a_damaged_file_is_a_miss_and_is_deleted(folder, place):
    for when in ("before the start", "while running"):
        tiers = open_tiers(folder)
        tiers.save(IDENTITY, range(10), b"state")
        tiers.close()
        (path,) = folder.iterdir()
        again = open_tiers(folder) if when == "while running" else None
        raw = bytearray(path.read_bytes())
        raw[place] ^= 0x10
        path.write_bytes(raw)
        again = again or open_tiers(folder)
        assert load(again, range(10)) is None
        assert again.find(IDENTITY, range(10)) is None
        assert (again.stats().refused, again.stats().disk_entries) == (1, 0)
        again.close()
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("length", [0, 7, HEADER_BYTES - 1, HEADER_BYTES + 5, -1])
def test_a_cut_file_is_a_miss_and_is_deleted(folder, length):
    tiers = open_tiers(folder)
    tiers.save(IDENTITY, range(10), b"state")
    tiers.close()
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:length])
    again = open_tiers(folder)
    assert again.find(IDENTITY, range(10)) is None
    assert again.stats().refused == 1
    again.close()
    assert list(folder.iterdir()) == []


def test_a_file_under_the_name_of_another_is_refused(folder):
    tiers = open_tiers(folder)
    tiers.save(IDENTITY, range(10), b"state")
    tiers.save(replace(IDENTITY, tenant="bob"), range(10), b"secret")
    tiers.close()
    first, second = sorted(folder.iterdir())
    again = open_tiers(folder)
    first.write_bytes(second.read_bytes())
    states = {load(again, range(10)), load(again, range(10), replace(IDENTITY, tenant="bob"))}
    assert None in states
    assert again.stats().refused == 1
    again.close()


def test_a_state_that_the_backend_refuses_is_forgotten_everywhere(folder):
    tiers = open_tiers(folder)
    tiers.save(IDENTITY, range(10), b"state")
    found = settled(tiers).find(IDENTITY, range(10))
    tiers.discard(found)
    assert tiers.find(IDENTITY, range(10)) is None
    tiers.close()
    assert list(folder.iterdir()) == []


def test_conversations_cost_twice_their_last_state_at_most(folder):
    tiers = open_tiers(folder, host_bytes=0)
    for length in range(100, 1700, 100):
        tiers.save(IDENTITY, range(length), bytes(length))
        settled(tiers)
    tiers.close()
    again = open_tiers(folder)
    sizes = [again.find(IDENTITY, range(length)).stored_tokens for length in (1600, 1)]
    assert sizes[0] == 1600
    assert again.stats().disk_bytes <= 2 * (1600 + 4 * 1600)
    again.close()


def test_a_beginning_of_a_stored_sequence_is_not_stored_again(folder):
    tiers = open_tiers(folder)
    tiers.save(IDENTITY, range(100), b"long")
    tiers.save(IDENTITY, range(60), b"covered")
    tiers.save(IDENTITY, range(20), b"far shorter")
    assert load(tiers, [*range(60), 7]) == b"long"
    assert tiers.stats().host_entries == 2
    tiers.close()


def test_the_host_tier_evicts_to_disk_and_the_disk_its_least_recently_used(folder):
    record = HEADER_BYTES + 4 + 1000
    tiers = open_tiers(folder, host_bytes=2000, disk_bytes=4 * record)
    for number in range(4):
        tiers.save(IDENTITY, [number], bytes([number]) * 1000)
        settled(tiers)
    assert [tiers.find(IDENTITY, [number]).tier for number in range(4)] == ["disk", "disk", "host", "host"]
    assert load(tiers, [0]) == bytes([0]) * 1000
    tiers.save(IDENTITY, [4], bytes([4]) * 1000)
    settled(tiers)
    # 0 was read, so 1 is the oldest; the room to spare takes 2 as well, which the host tier no longer has either.
    present = [number for number in range(5) if tiers.find(IDENTITY, [number])]
    assert present == [0, 3, 4]
    assert tiers.stats().evicted == 2
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 4 * record
    tiers.close()


def test_what_the_queue_had_no_room_for_reaches_the_disk_later(folder):
    tiers = open_tiers(folder, host_bytes=5000, queue_bytes=1)
    for number in range(50):
        tiers.save(IDENTITY, [number], bytes(1000))
    assert tiers.stats().host_entries == 5
    tiers.close()
    again = open_tiers(folder)
    assert all(load(again, [number]) for number in range(45, 50))
    again.close()


def test_a_full_disk_pauses_the_tier_with_one_log_line(folder, caplog):
    caplog.set_level(logging.WARNING)
    clock, disk = Clock(), FillingFolder(folder)
    tiers = open_tiers(disk, clock=clock)
    disk.is_full = True
    for number in range(5):
        tiers.save(IDENTITY, [number], b"state")
        settled(tiers)
    assert disk.attempts == 1
    assert tiers.stats().disk_paused
    assert tiers.stats().not_written == 5
    assert [load(tiers, [number]) for number in range(5)] == [b"state"] * 5
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text
    clock.now = PAUSE_SECONDS + 1
    disk.is_full = False
    tiers.save(IDENTITY, [9], b"state")
    assert not settled(tiers).stats().disk_paused
    tiers.close()
    again = open_tiers(folder)
    assert load(again, [9]) == b"state"
    again.close()


def test_a_folder_that_cannot_be_made_pauses_the_tier(tmp_path, caplog):
    blocker = tmp_path / "file"
    blocker.write_bytes(b"")
    clock = Clock()
    tiers = open_tiers(blocker / "states", clock=clock)
    tiers.save(IDENTITY, [1], b"state")
    assert load(tiers, [1]) == b"state"
    assert tiers.stats().disk_paused
    blocker.unlink()
    clock.now = PAUSE_SECONDS + 1
    tiers.save(IDENTITY, [2], b"state")
    assert settled(tiers).stats().disk_entries == 1
    tiers.close()


def test_a_file_that_another_process_deleted_is_a_miss_without_a_word(folder, caplog):
    tiers = open_tiers(folder, host_bytes=0)
    tiers.save(IDENTITY, range(10), b"state")
    settled(tiers)
    (path,) = folder.iterdir()
    path.unlink()
    assert load(tiers, range(10)) is None
    assert tiers.find(IDENTITY, range(10)) is None
    tiers.save(IDENTITY, range(10), b"state")
    assert load(settled(tiers), range(10)) == b"state"
    tiers.close()
    assert caplog.records == []


def test_a_state_is_at_hand_while_it_is_being_written(folder):
    tiers = open_tiers(folder, host_bytes=0)
    tiers.save(IDENTITY, range(10), bytes(500_000))
    assert load(tiers, range(10)) == bytes(500_000)
    tiers.close()


WRITER = """
import random, sys
from pathlib import Path
from labkit.engine.tiers import Identity, PrefixTiers
folder, seed = Path(sys.argv[1]), int(sys.argv[2])
chance = random.Random(seed)
tiers = PrefixTiers(host_bytes=4000, disk_bytes=30000, folder=folder)
identity = Identity("model", "build")
for _ in range(150):
    number = chance.randrange(40)
    tokens = [number] * (number + 1)
    found = tiers.find(identity, tokens)
    state = tiers.load(found) if found else None
    if state is not None:
        first = state[0]
        assert state == bytes([first]) * (500 + first) and found.stored_tokens == first + 1, (first, found)
    tiers.save(identity, tokens, bytes([number]) * (500 + number))
tiers.close(60)
stats = tiers.stats()
assert stats.refused == 0 and not stats.disk_paused, stats
"""


def test_processes_that_share_a_folder_do_not_harm_each_other(folder):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(seed)]) for seed in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    tiers = open_tiers(folder, disk_bytes=30000)
    stats = tiers.stats()
    assert stats.refused == 0
    assert stats.disk_entries > 0
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 30000
    tiers.close()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_writer_leaves_no_half_state(folder):
    code = WRITER.replace("range(150)", "range(10**9)")
    for seed in range(3):
        with subprocess.Popen([sys.executable, "-c", code, str(folder), str(seed)]) as writer:
            while not folder.exists() or len(list(folder.iterdir())) < 5:
                time.sleep(0.01)
            writer.kill()
    tiers = open_tiers(folder)
    assert tiers.stats().refused == 0
    assert tiers.stats().disk_entries > 0
    tiers.close()


def test_closing_leaves_no_thread_and_can_give_up(folder):
    before = threading.active_count()
    tiers = open_tiers(folder, host_bytes=256 * MIB, disk_bytes=512 * MIB)
    for number in range(8):
        tiers.save(IDENTITY, [number], bytes(16 * MIB))
    tiers.close(wait_seconds=0.0)
    assert threading.active_count() == before
    assert all(path.suffix == ".kv" for path in folder.iterdir())
    again = open_tiers(folder, disk_bytes=512 * MIB)
    assert again.stats().refused == 0
    again.close()


TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=6)
STEP = st.one_of(
    st.tuples(st.just("save"), TOKENS, st.integers(0, 2)),
    st.tuples(st.just("load"), TOKENS, st.integers(0, 2)),
    st.tuples(st.just("discard"), TOKENS, st.integers(0, 2)),
    st.tuples(st.just("restart"), TOKENS, st.integers(0, 2)),
    st.tuples(st.just("damage"), TOKENS, st.integers(0, 1000)),
)


@settings(max_examples=60)
@given(st.lists(STEP, max_size=25), st.booleans(), st.sampled_from([0, 200, 2000]), st.sampled_from([0, 900, 9000]))
def test_whatever_happens_a_state_is_of_the_tokens_it_is_given_for(
    tmp_path_factory, steps, forks_anywhere, host_bytes, disk_bytes
):
    folder = tmp_path_factory.mktemp("states")

    def start() -> PrefixTiers:
        return open_tiers(folder, host_bytes, disk_bytes, forks_anywhere=forks_anywhere)

    tiers = start()
    for kind, tokens, number in steps:
        identity = replace(IDENTITY, tenant=str(number % 3))
        if kind == "save":
            tiers.save(identity, tokens, json.dumps([number, tokens]).encode() * 5)
        elif kind == "restart":
            tiers.close()
            tiers = start()
        elif kind == "damage":
            settled(tiers)
            for path in sorted(folder.iterdir())[:1]:
                raw = bytearray(path.read_bytes())
                raw[number % len(raw)] ^= 1 + number % 255
                path.write_bytes(raw)
        elif found := tiers.find(identity, tokens):
            assert 1 <= found.num_tokens <= len(tokens)
            if kind == "discard":
                tiers.discard(found)
                continue
            state = tiers.load(found)
            if state is not None:
                owner, whole = json.loads(state[: len(state) // 5])
                assert owner == number
                assert len(whole) == found.stored_tokens
                assert whole[: found.num_tokens] == tokens[: found.num_tokens]
                assert forks_anywhere or found.num_tokens == len(whole)
        stats = tiers.stats()
        assert stats.host_bytes <= host_bytes
    tiers.close()
    assert sum(path.stat().st_size for path in folder.iterdir()) <= disk_bytes


def test_lookup_among_thousands_of_states_compares_no_more_than_it_must():
    chance = random.Random(0)
    tiers = PrefixTiers(host_bytes=MIB)
    system = [chance.randrange(150_000) for _ in range(1000)]
    prompts = [[*system, *(chance.randrange(150_000) for _ in range(500))] for _ in range(2000)]
    for number, prompt in enumerate(prompts):
        tiers.save(IDENTITY, prompt, number.to_bytes(2, "little"))
    for number in (0, 999, 1999):
        found = tiers.find(IDENTITY, [*prompts[number][:1200], 1, 2, 3])
        assert found.num_tokens == 1200
        assert tiers.load(found) == number.to_bytes(2, "little")
