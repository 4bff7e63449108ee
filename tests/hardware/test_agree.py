from labkit.hardware.agree import agree, agree_on_values
from labkit.hardware.profile import Cpu, FactSource, Gpu, HardwareProfile, Memory, Problem


def test_one_profile_agrees_with_itself():
    profile = HardwareProfile(cpu=Cpu(model_name="X"), problems=(Problem("note", "y"),))
    assert agree([profile]) is profile


def test_facts_that_differ_are_unknown_and_lose_their_source():
    source = FactSource("reported", "x")
    sources = {"cpu.vendor": source, "cpu.physical_cores": source, "memory.physical_bytes": source}
    one = HardwareProfile(cpu=Cpu(vendor="Apple", physical_cores=10), memory=Memory(physical_bytes=16), sources=sources)
    two = HardwareProfile(cpu=Cpu(vendor="Apple", physical_cores=12), memory=Memory(physical_bytes=16), sources=sources)
    both = agree([one, two])
    assert both.cpu == Cpu(vendor="Apple")
    assert both.memory.physical_bytes == 16
    assert both.sources.keys() == {"cpu.vendor", "memory.physical_bytes"}


def test_gpus_are_compared_by_place_and_one_without_a_common_fact_is_dropped():
    first = (Gpu(vendor="intel", name="a", unified=True), Gpu(vendor="nvidia", name="b"))
    second = (Gpu(vendor="intel", name="c", unified=True), Gpu(vendor="amd", name="d"))
    third = (Gpu(vendor="intel", unified=True),)
    assert agree([HardwareProfile(gpus=first), HardwareProfile(gpus=second)]).gpus == (
        Gpu(vendor="intel", unified=True),
    )
    assert agree([HardwareProfile(gpus=first), HardwareProfile(gpus=third)]).gpus == (
        Gpu(vendor="intel", unified=True),
    )


def test_lists_keep_what_all_have_and_problems_only_common_ones():
    noted = Problem("note", "both")
    one = HardwareProfile(cpu=Cpu(features=("avx", "avx2")), problems=(noted, Problem("note", "one")), tier="cuda")
    two = HardwareProfile(cpu=Cpu(features=("sse3", "avx2")), problems=(noted,), tier="rocm")
    both = agree([one, two])
    assert (both.cpu.features, both.problems, both.tier) == (("avx2",), (noted,), "cpu")


def test_plain_values_that_differ_are_none():
    assert agree_on_values([{"a": 1, "b": [1]}, {"a": 1, "b": [2]}]) == {"a": 1, "b": None}
