import pytest

from labkit.hardware.probes.apple_memory import (
    parse_available,
    parse_physical,
    parse_pressure,
    parse_swap,
    working_set,
)

GIB = 1024**3
VM_STAT = """\
Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                                5000.
Pages active:                            400000.
Pages inactive:                          390000.
Pages speculative:                        10000.
Pages wired down:                        150000.
Pages purgeable:                          20000.
"""


def test_pages_that_can_be_dropped_are_available():
    assert parse_available(VM_STAT, {}) == 16384 * (5000 + 390000 + 10000 + 20000)


def test_page_counts_need_a_page_size():
    counts = VM_STAT.partition("\n")[2]
    assert parse_available(counts, {}) is None
    assert parse_available(counts, {"hw.pagesize": "16384"}) == 16384 * 425000


def test_free_pages_alone_are_not_what_is_available():
    assert parse_available("Mach: (page size of 4096 bytes)\nPages free:  100.\n", {}) is None


def test_the_share_that_memory_pressure_prints():
    text = "The system has 17179869184 (1048576 pages with a page size of 16384).\n\n"
    assert parse_pressure(f"{text}System-wide memory free percentage: 47%\n", 16 * GIB) == 16 * GIB * 47 // 100
    assert parse_pressure("System-wide memory free percentage: 470%\n", 16 * GIB) is None
    assert parse_pressure("free percentage: 47%", None) is None


def test_a_size_that_is_not_whole_pages_was_cut():
    assert parse_physical({"hw.memsize": "25769803776"}) == 24 * GIB
    assert parse_physical({"hw.memsize": "2576980377"}) is None
    assert parse_physical({}) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [("total = 2048.00M  used = 1.25M", 2 * GIB), ("total = 1,50G  used", int(1.5 * GIB)), ("total = .M", None)],
)
def test_swap(text, size):
    assert parse_swap({"vm.swapusage": text}) == size


@pytest.mark.parametrize(
    ("physical", "granted"),
    [(8 * GIB, 8 * GIB * 2 // 3), (24 * GIB, 16 * GIB), (36 * GIB, 27 * GIB), (64 * GIB, 48 * GIB)],
)
def test_what_metal_grants_is_labelled_an_assumption(physical, granted):
    size, fact = working_set({"iogpu.wired_limit_mb": "0"}, physical)
    assert size == granted
    assert fact.origin == "table"
    assert "assumption" in fact.source


def test_a_limit_that_the_user_set_is_a_fact():
    size, fact = working_set({"iogpu.wired_limit_mb": "30720"}, 32 * GIB)
    assert (size, fact.origin) == (30 * GIB, "reported")
    assert working_set({"iogpu.wired_limit_mb": "90000"}, 32 * GIB)[0] == 32 * GIB


def test_nothing_is_granted_of_an_unknown_size():
    assert working_set({}, None)[0] is None
