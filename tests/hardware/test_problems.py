import pytest

from labkit.hardware.problems import by_severity, find_problems
from labkit.hardware.profile import (
    CoreDevice,
    Cpu,
    Gpu,
    HardwareProfile,
    Memory,
    NativeCore,
    OperatingSystem,
    Problem,
    Storage,
)

GIB = 1024**3
CARD = Gpu(vendor="nvidia", name="NVIDIA L4", usable=False)


def found(**parts):
    parts.setdefault("memory", Memory(physical_bytes=16 * GIB, budget_bytes=12 * GIB))
    return find_problems(HardwareProfile(**parts))


def test_nothing_is_wrong_with_an_ordinary_machine():
    assert found() == ()


@pytest.mark.parametrize(
    ("parts", "severity", "what", "fix"),
    [
        ({"os": OperatingSystem(python_bits=32)}, "error", "32 bits", "64-bit Python"),
        ({"os": OperatingSystem(rosetta=True)}, "warning", "Rosetta", "brew install python"),
        ({"os": OperatingSystem(power_source="battery")}, "note", "on its battery", "plug it in"),
        (
            {"memory": Memory(32 * GIB, limit_bytes=8 * GIB, limit_source="/a/memory.high", budget_bytes=8 * GIB)},
            "warning",
            "the system slows down the process",
            "MemoryHigh=",
        ),
        (
            {
                "memory": Memory(32 * GIB, limit_bytes=8 * GIB, limit_source="/a/memory.max", budget_bytes=8 * GIB),
                "os": OperatingSystem(container="ecs"),
            },
            "warning",
            "the system ends the process",
            "task definition",
        ),
        (
            {"gpus": (Gpu(vendor="apple", name="Apple M1", usable=False),), "os": OperatingSystem(name="Linux")},
            "warning",
            "without Vulkan",
            "-DGGML_VULKAN=on",
        ),
        (
            {
                "gpus": (Gpu(vendor="apple", name="Apple M1", usable=False),),
                "os": OperatingSystem(name="Darwin", rosetta=True),
            },
            "warning",
            "Rosetta",
            "brew install python",
        ),
        ({"os": OperatingSystem(wsl=1)}, "warning", "WSL 1", "--set-version"),
        ({"storage": Storage(writable=False)}, "warning", "not writable", "LABKIT_HOME="),
        ({"storage": Storage(free_bytes=GIB)}, "warning", "only 1.0 GiB of disk", "LABKIT_HOME="),
        ({"memory": Memory()}, "warning", "could not be found out", "--json"),
        ({"cpu": Cpu(logical_cores=8, affinity_cores=2)}, "note", "2 of 8 logical cores", "taskset"),
        (
            {"cpu": Cpu(features=("neon", "dotprod")), "native_core": NativeCore(cpu_features=("neon",))},
            "warning",
            "has dotprod",
            "-DGGML_NATIVE=on",
        ),
        (
            {"native_core": NativeCore(backends=("CUDA", "CPU"), gpu_offload=True)},
            "warning",
            "has CUDA, and finds no device",
            "nvidia-smi",
        ),
        (
            {"gpus": (CARD,), "native_core": NativeCore(backends=("CUDA", "CPU"), gpu_offload=True)},
            "warning",
            "finds no device",
            "nvidia-smi",
        ),
        (
            {"gpus": (CARD, Gpu(usable=True)), "native_core": NativeCore(backends=("CUDA",))},
            "note",
            "does not list NVIDIA L4",
            "CUDA_VISIBLE_DEVICES",
        ),
        (
            {"gpus": (Gpu(vendor="amd", name="RX 7600", usable=False), Gpu(usable=True))},
            "note",
            "RX 7600 is not used",
            "-DGGML_HIP=on",
        ),
        (
            {"gpus": (Gpu(vendor="amd", name="RX 7600", usable=False),), "os": OperatingSystem(name="Windows")},
            "warning",
            "without Vulkan",
            '$env:CMAKE_ARGS="-DGGML_VULKAN=on"',
        ),
    ],
)
def test_a_rule_finds_one_problem_and_says_what_to_type(parts, severity, what, fix):
    (problem,) = found(**parts)
    assert problem.severity == severity
    assert what in problem.what
    assert fix in problem.fix


@pytest.mark.parametrize(
    "parts",
    [
        {"memory": Memory(physical_bytes=16 * GIB, budget_bytes=12 * GIB, swap_bytes=0)},
        {"gpus": (Gpu(vendor="intel", name="UHD", unified=True, usable=False),)},
        {"gpus": (Gpu(vendor="nvidia", name="L4"),)},
        {"os": OperatingSystem(load_average=3.9), "cpu": Cpu(logical_cores=8)},
        {"cpu": Cpu(physical_cores=4, quota_cores=4.0)},
        {"os": OperatingSystem(architecture="aarch64"), "cpu": Cpu(features=("neon",))},
        {
            "native_core": NativeCore(
                backends=("MTL",), gpu_offload=True, devices=(CoreDevice("MTL0", "Radeon", "gpu", "MTL"),)
            )
        },
    ],
)
def test_what_is_in_order_is_not_reported(parts):
    assert found(**parts) == ()


def test_a_vendor_is_reported_once():
    assert len(found(gpus=(CARD, CARD))) == 1


def test_errors_come_first():
    order = [Problem("note", "a"), Problem("error", "b"), Problem("warning", "c"), Problem("error", "d")]
    assert [problem.what for problem in by_severity(order)] == ["b", "d", "c", "a"]
