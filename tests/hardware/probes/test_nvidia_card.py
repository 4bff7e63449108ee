import pytest

from labkit.hardware.probes.nvidia_card import (
    Card,
    Slice,
    card,
    clock_mhz,
    enabled,
    gpus_of,
    is_unified,
    join_cards,
    known,
    says_absent,
    size_bytes,
)

MIB = 1024**2
GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24564", 24564 * MIB), ("6144 MiB", 6144 * MIB), ("12 GiB", 12 * GIB), ("512KiB", 512 * 1024), ("[N/A]", None),
        ("ERR!", None), (None, None), ("", None), ("-1", None), ("1.5 GiB", None), ("9" * 40, None),
    ],
)  # fmt: skip
def test_sizes(text, expected):
    assert size_bytes(text) == expected


@pytest.mark.parametrize(
    "text", ["[N/A]", "N/A", "[Not Supported]", "ERR!", "[Unknown Error]", "[GPU is lost]", "", None]
)
def test_what_says_nothing_is_not_known(text):
    assert known(text) is None


def test_an_error_does_not_state_that_there_is_nothing():
    assert [says_absent(text) for text in ("[N/A]", "Not Supported", "ERR!", "[Unknown Error]", "", None)] == [
        True, True, False, False, False, False,
    ]  # fmt: skip


def test_words_and_clocks():
    assert [enabled(text) for text in ("Enabled", "Enabled*", "Disabled", "[N/A]", "ERR!", "", None)] == [
        True, True, False, False, None, None, None,
    ]  # fmt: skip
    assert [clock_mhz(text) for text in ("10501 MHz", "10501", "[N/A]", None)] == [10501, 10501, None, None]


GB = 128 * GIB


@pytest.mark.parametrize(
    ("texts", "unified"),
    [
        ({"name": "NVIDIA GB10", "memory.total": "[N/A]", "addressing_mode": "ATS"}, True),
        ({"name": "NVIDIA Thor", "memory.total": "[N/A]"}, True),
        ({"name": "Orin (nvgpu)", "memory.total": "0"}, True),
        ({"name": "NVIDIA N1X", "memory.total": "8128 MiB", "addressing_mode": "ATS"}, True),
        ({"name": "NVIDIA Future", "memory.total": "8128 MiB", "addressing_mode": "ATS"}, True),
        ({"name": "NVIDIA Future", "memory.total": "8128 MiB", "addressing_mode": "HMM"}, False),
        ({"name": "NVIDIA GH200 480GB", "memory.total": "97871 MiB", "addressing_mode": "ATS"}, False),
        ({"name": "NVIDIA GB200", "memory.total": "189471 MiB", "addressing_mode": "ATS"}, False),
        ({"name": "Tesla T4", "memory.total": "15360 MiB"}, False),
        ({"name": "Tesla T4", "memory.total": "ERR!"}, None),
        ({"name": "Tesla T4"}, None),
    ],
)  # fmt: skip
def test_which_parts_share_the_systems_memory(texts, unified):
    one = card(texts, 0)
    assert is_unified(one, 576 * GIB if "200" in texts["name"] else GB) is unified
    (gpu,) = gpus_of(one, GB)
    if unified:
        assert (gpu.memory_bytes, gpu.free_bytes) == (None, None)


def test_a_small_figure_beside_little_system_memory_is_the_cards_own():
    one = card({"name": "NVIDIA Future", "memory.total": "8128 MiB", "addressing_mode": "ATS"}, 0)
    assert is_unified(one, 16 * GIB) is False
    assert is_unified(one, None) is False


@pytest.mark.parametrize(
    ("texts", "free"),
    [
        ({"memory.free": "22569 MiB", "memory.reserved": "435 MiB"}, 22569),
        ({"memory.free": "23028 MiB", "memory.reserved": "435 MiB"}, 22593),
        ({"memory.used": "28 MiB", "memory.reserved": "435 MiB"}, 22565),
        ({"memory.used": "28 MiB"}, 23000),
        ({"memory.used": "99999 MiB"}, 0),
        ({}, None),
    ],
)
def test_what_the_driver_reserves_is_never_free(texts, free):
    (gpu,) = gpus_of(card({"name": "NVIDIA A10G", "memory.total": "23028 MiB", **texts}, 0), None)
    assert (gpu.memory_bytes, gpu.free_bytes) == (23028 * MIB, free if free is None else free * MIB)


def test_of_a_partitioned_card_only_the_slices_are_there():
    whole = Card(
        name="NVIDIA A100-SXM4-40GB", memory_bytes=40 * GIB, mig=True, bus_width_bits=5120, memory_clock_mhz=1215
    )
    for slices, sizes in (
        ((Slice(5 * GIB, 4 * GIB), Slice(10 * GIB)), [5 * GIB, 10 * GIB]),
        ((), [None]),
        (None, [None]),
    ):
        gpus = gpus_of(Card(**{name: getattr(whole, name) for name in Card.__slots__} | {"slices": slices}), None)
        assert [gpu.memory_bytes for gpu in gpus] == sizes
        assert all(gpu.mig and gpu.peak_bandwidth_bytes_per_second is None for gpu in gpus)


@pytest.mark.parametrize(
    ("clock", "bits", "expected"), [(10501, 384, 1008e9), (2619, 5120, 3352e9), (4001, 128, 128e9)]
)
def test_bandwidth_from_the_memorys_clock_and_width(clock, bits, expected):
    (gpu,) = gpus_of(Card(name="x", memory_bytes=1, memory_clock_mhz=clock, bus_width_bits=bits), None)
    assert gpu.peak_bandwidth_bytes_per_second == pytest.approx(expected, rel=0.001)


def test_outputs_are_joined_by_address_or_number():
    csv = (Card(0, "Tesla T4", "0000:01:00.0"), Card(1, None, "0000:02:00.0", memory_bytes=5))
    xml = (Card(0, "NVIDIA L4", "0000:02:00.0", memory_bytes=9, free_bytes=8), Card(1, "Tesla T4", "0000:03:00.0"))
    first, second, third = join_cards([csv, xml])
    assert (first.name, third.name) == ("Tesla T4", "Tesla T4")
    # Its size is the first output's, and the other's free memory belongs to another size.
    assert (second.name, second.memory_bytes, second.free_bytes) == ("NVIDIA L4", 5, None)
    nameless = (Card(0, memory_absent=True),)
    (only,) = join_cards([nameless, (Card(0, "NVIDIA GB10", "000f:01:00.0", memory_absent=True),)])
    assert (only.name, only.pci_address) == ("NVIDIA GB10", "000f:01:00.0")


def test_a_whole_name_replaces_a_cut_one():
    (only,) = join_cards([(Card(0, "NVIDIA GeForce RTX 3060 ..."),), (Card(0, "NVIDIA GeForce RTX 3060 Laptop GPU"),)])
    assert only.name == "NVIDIA GeForce RTX 3060 Laptop GPU"
    (only,) = join_cards([(Card(0, "Tesla T4"),), (Card(0, "Tes..."),)])
    assert only.name == "Tesla T4"
