import pytest

from labkit.hardware.probes.amd_parts import AmdPart, is_integrated, is_worth_using, known_gfx, to_gpu

GIB, MIB = 1024**3, 1024**2


@pytest.mark.parametrize(
    ("part", "integrated"),
    [
        (AmdPart(gfx="gfx906", name="AMD Radeon Graphics"), False),
        (AmdPart(gfx="gfx90c", name="AMD Radeon Graphics"), True),
        (AmdPart(gfx="gfx942", name="AMD Instinct MI300X"), False),
        (AmdPart(gfx="gfx942", name="AMD Instinct MI300A"), True),
        (AmdPart(gfx="gfx942", integrated=True), True),
        (AmdPart(device_id=0x1586), True),
        (AmdPart(name="AMD Ryzen AI MAX+ 395 w/ Radeon 8060S"), True),
        (AmdPart(name="AMD Radeon 780M Graphics"), True),
        (AmdPart(name="AMD Strix [Radeon 880M / 890M]"), True),
        (AmdPart(name="AMD Radeon(TM) RX Vega 10 Graphics"), True),
        (AmdPart(name="Vega 10 XT [Radeon PRO WX 9100]"), False),
        (AmdPart(name="AMD Radeon RX 6800M"), False),
        (AmdPart(name="AMD Radeon Graphics"), None),
        (AmdPart(vram_bytes=96 * GIB), True),
        (AmdPart(vram_bytes=512 * MIB, gtt_bytes=62 * GIB + 7 * MIB), True),
        (AmdPart(vram_bytes=GIB), None),
        (AmdPart(vram_bytes=4 * GIB, gtt_bytes=96 * GIB), True),
        (AmdPart(vram_bytes=8 * GIB, gtt_bytes=8 * GIB), None),
        (AmdPart(vram_bytes=2 * GIB, gtt_bytes=3 * GIB), None),
        (AmdPart(vram_bytes=4 * GIB, gtt_bytes=32 * GIB - 123 * MIB), None),
        (AmdPart(vram_bytes=64 * GIB - 16 * MIB), False),
        (AmdPart(vram_bytes=192 * GIB - 16 * MIB), False),
        (AmdPart(), None),
    ],
)
def test_what_tells_integrated_parts_from_cards(part, integrated):
    told, why = is_integrated(part)
    assert told is integrated
    assert (why is None) == (integrated is None)


def test_a_carve_out_and_the_shared_memory_beside_it():
    part = AmdPart(gfx="gfx1151", vram_bytes=4 * GIB, gtt_bytes=96 * GIB, used_bytes=GIB)
    gpu, _ = to_gpu(part, "sysfs")
    assert (gpu.memory_bytes, gpu.carve_out_bytes, gpu.free_bytes) == (100 * GIB, 4 * GIB, 99 * GIB)


def test_a_pool_smaller_than_the_carve_out_bounds_what_is_free():
    gpu, facts = to_gpu(AmdPart(vram_bytes=96 * GIB, pool_bytes=15 * GIB), "sysfs")
    assert (gpu.unified, gpu.memory_bytes, gpu.free_bytes) == (True, 96 * GIB, 15 * GIB)
    assert (facts["free_bytes"].source, facts["unified"].origin) == ("ROCm's memory pool of the part", "table")


def test_a_card_is_not_given_the_system_memory_that_it_may_borrow():
    gpu, facts = to_gpu(AmdPart(name="Radeon RX 7900 XT", vram_bytes=20 * GIB, gtt_bytes=64 * GIB), "rocm-smi")
    assert (gpu.memory_bytes, gpu.carve_out_bytes, gpu.free_bytes) == (20 * GIB, None, None)
    assert facts["memory_bytes"].source == "rocm-smi"


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        (AmdPart(gfx="gfx1036", vram_bytes=512 * MIB), False),
        (AmdPart(gfx="gfx90c", vram_bytes=2 * GIB, gtt_bytes=16 * GIB), False),
        (AmdPart(gfx="gfx1151", vram_bytes=512 * MIB), True),
        (AmdPart(vram_bytes=512 * MIB), False),
        (AmdPart(vram_bytes=512 * MIB, gtt_bytes=62 * GIB), True),
        (AmdPart(name="AMD Navi 31", gfx=None), True),
    ],
)
def test_parts_that_are_worth_using(part, kept):
    assert is_worth_using(to_gpu(part, "sysfs")[0]) is kept


def test_the_version_by_id_and_by_name():
    assert known_gfx(AmdPart(device_id=0x150E)) == "gfx1150"
    assert known_gfx(AmdPart(name="Strix Halo [Radeon Graphics / Radeon 8060S Graphics]")) == "gfx1151"
    assert known_gfx(AmdPart(name="AMD Radeon RX 7600")) is None
