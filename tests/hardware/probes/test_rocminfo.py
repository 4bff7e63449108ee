import pytest

from fakes.captured_text import captured, cut_pieces
from labkit.hardware.probes.rocminfo import parse_rocminfo

KIB = 1024


def test_the_agent_of_a_gpu_with_its_pool():
    (part,) = parse_rocminfo(captured("rocminfo-strix-halo.txt"))
    assert (part.gfx, part.pool_bytes, part.integrated) == ("gfx1151", 15859524 * KIB, True)
    assert (part.pci_address, part.device_id, part.name) == ("0000:c5:00.0", 0x1586, "AMD Radeon Graphics")


def test_a_lone_size_is_the_pool_of_some_part():
    (part,) = parse_rocminfo("Size:    16651264(0x3e2000) KB\n")
    assert part.is_anonymous
    assert part.pool_bytes == 16651264 * KIB


@pytest.mark.parametrize(
    "text", ["", None, "Size: 166512", "Segment: GROUP\nSize: 64(0x40) KB", "ROCk module is loaded"]
)
def test_no_pool_is_no_part(text):
    assert parse_rocminfo(text) == []


def test_the_processors_memory_is_no_pool_wherever_the_text_is_cut():
    for piece in cut_pieces(captured("rocminfo-strix-halo.txt"), 100):
        assert {part.pool_bytes for part in parse_rocminfo(piece)} <= {None, 15859524 * KIB}
