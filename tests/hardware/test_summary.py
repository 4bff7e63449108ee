from labkit.hardware.profile import Cpu, FactSource, Gpu, HardwareProfile, Memory, OperatingSystem
from labkit.hardware.summary import summarize

GIB = 1024**3


def test_an_empty_profile_is_all_unknown_but_the_count():
    known = {key: value for key, value in summarize(HardwareProfile()).items() if value is not None}
    assert known == {"gpus": 0, "vram_bytes": []}


def test_the_gpu_with_most_memory_of_its_own_is_the_one_named():
    integrated = Gpu(vendor="intel", name="UHD", unified=True, memory_bytes=64 * GIB)
    card = Gpu(vendor="nvidia", name="RTX", unified=False, memory_bytes=8 * GIB)
    found = summarize(HardwareProfile(gpus=(integrated, card)))
    assert (found["gpus"], found["vendor"], found["name"], found["unified"]) == (2, "nvidia", "RTX", False)
    assert found["vram_bytes"] == [8 * GIB]


def test_an_apu_has_its_carve_out_and_the_pool_that_rocm_reaches():
    gpu = Gpu(vendor="amd", unified=True, memory_bytes=96 * GIB, carve_out_bytes=96 * GIB, free_bytes=16 * GIB)
    sources = {"gpus.0.free_bytes": FactSource("reported", "ROCm's memory pool of the part")}
    found = summarize(HardwareProfile(gpus=(gpu,), sources=sources))
    assert (found["vram_bytes"], found["rocminfo_pool_kib"]) == ([96 * GIB], 16 * 1024**2)


def test_memory_is_the_systems_and_a_lone_cards_where_nothing_else_is_known():
    card = Gpu(vendor="nvidia", unified=False, memory_bytes=6 * GIB)
    assert summarize(HardwareProfile(gpus=(card,)))["total_memory_mib"] == 6144
    assert summarize(HardwareProfile(gpus=(card, card)))["total_memory_mib"] is None
    apu = Gpu(vendor="amd", unified=True, memory_bytes=6 * GIB, carve_out_bytes=GIB)
    assert summarize(HardwareProfile(gpus=(apu,)))["total_memory_bytes"] is None
    both = summarize(HardwareProfile(gpus=(card,), memory=Memory(physical_bytes=32 * GIB)))
    assert (both["total_memory_gb"], both["total_memory_kib"]) == (32, 32 * 1024**2)
    assert summarize(HardwareProfile(memory=Memory(physical_bytes=GIB + 1)))["total_memory_gb"] == 1.0


def test_a_feature_is_absent_only_where_the_system_lists_all():
    linux = HardwareProfile(os=OperatingSystem(name="Linux"), cpu=Cpu(features=("dotprod", "avx_vnni")))
    mac = HardwareProfile(os=OperatingSystem(name="Darwin"), cpu=Cpu(features=("dotprod",)))
    names = ("dotprod", "i8mm", "avx512", "vnni")
    assert [summarize(linux)[name] for name in names] == [True, False, False, True]
    assert [summarize(mac)[name] for name in names] == [True, None, None, None]


def test_wsl_is_known_where_the_kernel_is():
    def wsl(**facts):
        return summarize(HardwareProfile(os=OperatingSystem(**facts)))["wsl"]

    assert (wsl(), wsl(release="6.8.0"), wsl(wsl=2)) == (None, False, True)


def test_threads_are_not_called_cores_where_a_core_may_have_two():
    x86 = HardwareProfile(os=OperatingSystem(architecture="x86_64"), cpu=Cpu(logical_cores=16))
    arm = HardwareProfile(os=OperatingSystem(architecture="aarch64"), cpu=Cpu(logical_cores=4))
    single = HardwareProfile(cpu=Cpu(vendor="GenuineIntel", logical_cores=8, threads_per_core=1))
    assert [summarize(one)["cores"] for one in (x86, arm, single)] == [None, 4, 8]


def test_a_card_of_unknown_size_goes_before_an_integrated_part():
    gpus = (Gpu(vendor="amd", name="APU", unified=True, carve_out_bytes=4 * GIB), Gpu(vendor="nvidia", name="RTX"))
    assert summarize(HardwareProfile(gpus=gpus))["name"] == "RTX"
