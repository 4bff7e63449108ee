from labkit.hardware.profile import Gpu, HardwareProfile, NativeCore
from labkit.hardware.supposed import counted_gpus, supposed_gpus

SMALL = Gpu(vendor="amd", name="AMD Radeon RX 7600", memory_bytes=8)
LARGE = Gpu(vendor="amd", name="AMD Radeon PRO W7900", memory_bytes=48)
INSIDE = Gpu(vendor="intel", name="Intel UHD Graphics 770", unified=True)
NVIDIA = Gpu(vendor="nvidia", name="NVIDIA L4", memory_bytes=22)


def test_without_a_core_those_that_one_built_for_the_tier_would_use():
    profile = HardwareProfile(tier="rocm", gpus=(SMALL, INSIDE, LARGE, NVIDIA))
    assert counted_gpus(profile) == (LARGE, SMALL)


def test_a_weak_part_is_not_supposed():
    assert supposed_gpus(HardwareProfile(tier="vulkan", gpus=(INSIDE,))) == ()


def test_a_core_that_was_asked_decides():
    used = Gpu(vendor="nvidia", name="NVIDIA L4", usable=True)
    core = NativeCore(version="1")
    assert counted_gpus(HardwareProfile(tier="cuda", gpus=(used, SMALL), native_core=core)) == (used,)
    assert counted_gpus(HardwareProfile(tier="cpu", gpus=(SMALL,), native_core=core)) == ()
