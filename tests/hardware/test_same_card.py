import pytest

from labkit.hardware.profile import Gpu
from labkit.hardware.same_card import find_same, is_generic

GIB = 1024**3


def card(name=None, gib=None, pci=None, vendor="amd", unified=None):
    return Gpu(vendor=vendor, name=name, memory_bytes=gib and gib * GIB, pci_address=pci, unified=unified)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (card("NVIDIA L4", 22, "0000:01:00.0", "nvidia"), card("NVIDIA L4", 22, "00000000:01:00.0", "nvidia"), True),
        (card("NVIDIA L4", 22, "0000:01:00.0", "nvidia"), card("NVIDIA L4", 22, "0000:02:00.0", "nvidia"), False),
        (card("Radeon RX 7600", 8), card("AMD Radeon RX 7600 (RADV NAVI33)", 8), True),
        (card("Radeon RX 7900 XT", 20), card("Radeon RX 7900 XTX", 20), False),
        (card("AMD Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE]"), card("AMD Radeon RX 7900 XTX", 24), True),
        (card("AMD Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE]"), card("AMD Radeon RX 7600", 8), False),
        (card("AMD Radeon Graphics", 32), card("AMD Instinct MI50", 32), True),
        (card("AMD Radeon Graphics", 32), card("AMD Radeon Graphics", 16), False),
        (card("AMD Radeon Graphics", 2, unified=True), card("AMD Radeon Graphics", 32, unified=False), False),
        (card("AMD Radeon Graphics", 2, unified=True), card("AMD Radeon 780M", 60), True),
        (card("AMD Radeon RX 7600", 8), card("Intel Arc A750", 8, vendor="intel"), False),
        (card("GeForce RTX 4070", vendor="nvidia"), card("GeForce RTX 4070 Ti", vendor="nvidia"), False),
        (card("GeForce RTX 4070", vendor="nvidia"), card("GeForce RTX 4070 Laptop GPU", vendor="nvidia"), False),
    ],
)
def test_whether_two_descriptions_are_of_one_card(one, other, same):
    assert find_same(one, [other], [0]) == (0 if same else None)
    assert find_same(other, [one], [0]) == (0 if same else None)


def test_of_equal_names_the_one_of_that_size_is_meant():
    assert (
        find_same(card("Radeon RX 9060 XT", 16), [card("Radeon RX 9060 XT", 8), card("Radeon RX 9060 XT", 16)], [0, 1])
        == 1
    )


def test_a_nameless_card_that_could_be_either_is_neither():
    assert find_same(card(), [card("AMD Radeon 780M"), card("AMD Radeon RX 7600")], [0, 1]) is None


@pytest.mark.parametrize(
    ("name", "generic"),
    [("AMD Radeon Graphics", True), ("AMD Radeon(TM) Graphics", True), (None, True), ("AMD Radeon 780M", False)],
)
def test_names_that_fit_every_part(name, generic):
    assert is_generic(name) is generic
