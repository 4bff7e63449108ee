from labkit.hardware.device_table import shipped_devices
from labkit.hardware.profile import Cpu, Gpu, Memory
from labkit.hardware.table_facts import fill_gpus, fill_memory

GIB = 1024**3
TABLE = shipped_devices()
RTX = Gpu(vendor="nvidia", name="NVIDIA GeForce RTX 4090", memory_bytes=24564 * 1024**2, unified=False)


def test_what_no_driver_says_comes_from_the_table_with_its_source():
    (gpu,), sources = fill_gpus([RTX], TABLE, Memory())
    assert (gpu.peak_bandwidth_bytes_per_second, gpu.peak_fp16_flops) == (1.008e12, 82.58e12)
    assert (gpu.peak_fp16_tensor_flops, gpu.compute_capability) == (165.2e12, "8.9")
    fact = sources["0.peak_bandwidth_bytes_per_second"]
    assert fact.origin == "table"
    assert "RTX 4090" in fact.source
    assert sources.keys() == {
        f"0.{name}"
        for name in (
            "peak_bandwidth_bytes_per_second",
            "peak_fp16_flops",
            "peak_fp16_tensor_flops",
            "compute_capability",
        )
    }


def test_what_the_driver_says_stays():
    from dataclasses import replace

    said = replace(RTX, compute_capability="9.9", peak_bandwidth_bytes_per_second=1.0)
    (gpu,), sources = fill_gpus([said], TABLE, Memory())
    assert (gpu.compute_capability, gpu.peak_bandwidth_bytes_per_second) == ("9.9", 1.0)
    assert "0.compute_capability" not in sources


def test_of_a_slice_only_the_chip_is_known():
    part = Gpu(vendor="nvidia", name="NVIDIA A100-SXM4-80GB", memory_bytes=9 * GIB, unified=False, mig=True)
    (gpu,), _ = fill_gpus([part], TABLE, Memory())
    assert (gpu.compute_capability, gpu.peak_bandwidth_bytes_per_second) == ("8.0", None)


def test_unknown_devices_stay_as_they_are():
    odd = [Gpu(), Gpu(name="Graphics Device", vendor="nvidia"), Gpu(name="NVIDIA T400", vendor="nvidia")]
    assert fill_gpus(odd, TABLE, Memory()) == (tuple(odd), {})


def test_a_unified_part_is_told_apart_by_the_systems_memory_and_named_by_its_board():
    metal = Gpu(vendor="apple", name="Apple M3 Max", memory_bytes=27 * GIB, unified=True)
    (gpu,), _ = fill_gpus([metal], TABLE, Memory(physical_bytes=36 * GIB))
    assert gpu.peak_bandwidth_bytes_per_second == 300e9
    orin = Gpu(vendor="nvidia", name="Orin (nvgpu)", unified=True)
    memory = Memory(physical_bytes=int(61.3 * GIB))
    (gpu,), _ = fill_gpus([orin], TABLE, memory, "NVIDIA Jetson AGX Orin Developer Kit")
    assert gpu.compute_capability == "8.7"
    thor = Gpu(vendor="nvidia", name="Unheard of (nvgpu)", unified=True)
    assert fill_gpus([thor], TABLE, memory, "Raspberry Pi 5") == ((thor,), {})


def test_a_name_that_a_table_cut_is_completed_with_its_source():
    cut = Gpu(vendor="nvidia", name="NVIDIA GeForce RTX 3060 ...", memory_bytes=6 * GIB, unified=False)
    (gpu,), sources = fill_gpus([cut], TABLE, Memory())
    assert (gpu.name, gpu.peak_bandwidth_bytes_per_second) == ("NVIDIA GeForce RTX 3060 Laptop", 336e9)
    assert sources["0.name"].origin == "table"
    (gpu,), _ = fill_gpus([Gpu(vendor="nvidia", name="NVIDIA GeForce RTX 3060 ...")], TABLE, Memory())
    assert gpu.name == "NVIDIA GeForce RTX 3060 ..."


def test_memory_soldered_to_a_chip_has_the_chips_bandwidth():
    gpu = Gpu(vendor="nvidia", name="NVIDIA GB10", unified=True)
    memory, sources = fill_memory(Memory(physical_bytes=121 * GIB), Cpu(), [gpu], TABLE)
    assert memory.peak_bandwidth_bytes_per_second == 273e9
    assert sources["peak_bandwidth_bytes_per_second"].origin == "table"
    memory, _ = fill_memory(Memory(), Cpu(model_name="AMD RYZEN AI MAX+ 395 w/ Radeon 8060S"), [], TABLE)
    assert memory.peak_bandwidth_bytes_per_second == 256e9


def test_fitted_memory_says_nothing():
    for known in (Memory(), Memory(peak_bandwidth_bytes_per_second=5.0)):
        assert fill_memory(known, Cpu(model_name="AMD EPYC"), [RTX], TABLE) == (known, {})
