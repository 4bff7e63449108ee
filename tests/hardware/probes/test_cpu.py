from fakes.source import FakeSource, load_machine
from labkit.hardware.probes.cpu import ask_lscpu, probe_cpu
from labkit.hardware.source import CommandOutput, SystemCounters

FIRST = (
    "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\nphysical id\t: 0\nsiblings\t: 4\n"
    "core id\t\t: 0\ncpu cores\t: 4\nflags\t\t: pni avx512f\n\n"
)
NODES = "NUMA:\n  NUMA node(s):  2\n  NUMA node0 CPU(s):  0-71\n  NUMA node1 CPU(s):\n"


def listed(text, **more):
    return FakeSource(commands={"lscpu": CommandOutput(0, text)}, **more)


def test_each_fact_names_the_text_it_is_from():
    found = probe_cpu(load_machine("graviton-ecs-task"))
    assert {name: fact.source for name, fact in found.sources.items()} == {
        "model_name": "/proc/cpuinfo",
        "vendor": "/proc/cpuinfo",
        "features": "/proc/cpuinfo",
        "logical_cores": "/proc/cpuinfo",
        "physical_cores": "lscpu",
        "threads_per_core": "lscpu",
        "numa_nodes": "lscpu",
        "last_level_cache_bytes": "lscpu",
        "quota_cores": "control group",
    }


def test_of_a_saved_excerpt_lscpu_knows_more_processors():
    text = "CPU(s):  64\nThread(s) per core:  2\nCore(s) per socket:  16\nSocket(s):  2\n"
    saved = probe_cpu(listed(text, files={"/proc/cpuinfo": FIRST})).value
    assert (saved.logical_cores, saved.physical_cores, saved.model_name) == (64, 32, "AMD EPYC")


def test_in_a_container_that_is_shown_some_processors_lscpu_sees_the_hosts():
    counters = SystemCounters(logical_cores=1, physical_cores=1)
    living = probe_cpu(listed("CPU(s):  64\n", files={"/proc/cpuinfo": FIRST}, counters=counters)).value
    assert living.logical_cores == 1


def test_lscpu_is_not_asked_where_cheaper_texts_say_it_all():
    source = load_machine("epyc-two-sockets")
    cpu = probe_cpu(source).value
    assert "lscpu" not in source.asked
    assert (cpu.logical_cores, cpu.threads_per_core, cpu.numa_nodes) == (128, 2, 8)


def test_memory_nodes_of_devices_are_a_note():
    found = probe_cpu(listed(NODES))
    (problem,) = found.problems
    assert found.value.numa_nodes == 1
    assert problem.severity == "note"
    assert "1 memory node has no processors" in problem.what


def test_a_container_that_is_translated_on_a_mac_is_told_so():
    text = FIRST.replace("AMD EPYC", "VirtualApple @ 2.50GHz")
    (problem,) = probe_cpu(FakeSource(files={"/proc/cpuinfo": text})).problems
    assert problem.severity == "warning"
    assert "linux/arm64" in problem.fix


def test_threads_per_core_follow_from_the_counts():
    found = probe_cpu(FakeSource(counters=SystemCounters(physical_cores=4, logical_cores=8)))
    assert found.value.threads_per_core == 2
    assert (
        probe_cpu(FakeSource(counters=SystemCounters(physical_cores=12, logical_cores=20))).value.threads_per_core
        is None
    )


def test_cores_of_one_thread_are_as_many_as_their_threads():
    found = probe_cpu(load_machine("asahi-m1-pro"))
    assert (found.value.physical_cores, found.value.logical_cores) == (10, 10)
    assert found.sources["physical_cores"].source == "one thread on each core"


def test_without_lscpu_its_answer_is_empty():
    assert ask_lscpu(FakeSource()).architecture is None
