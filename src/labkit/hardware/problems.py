"""What is wrong with a machine, or worth knowing, as pure rules over its profile: each says what to type."""

from collections.abc import Iterator

from labkit.hardware.probes.native import rebuild_command
from labkit.hardware.profile import Gpu, HardwareProfile, Problem
from labkit.units import GIB, render_bytes

LOW_MEMORY_BYTES = 2 * GIB
LOW_DISK_BYTES = 5 * GIB
# Other work that takes more than this share of the cores makes every measurement a guess.
BUSY_SHARE = 0.5
_BUILD_FOR_VENDOR = {"nvidia": "cuda", "amd": "rocm", "apple": "metal", "intel": "vulkan"}
_CHANGE_FOLDER = "make it writable, or choose another: LABKIT_HOME=~/labkit-data labkit doctor"


def find_problems(profile: HardwareProfile) -> tuple[Problem, ...]:
    """Every problem that the profile itself shows, errors first."""
    rules = (_system, _processor, _memory, _gpus, _core, _storage)
    found = [problem for rule in rules for problem in rule(profile)]
    return by_severity(found)


def by_severity(problems: list[Problem]) -> tuple[Problem, ...]:
    """Errors, then warnings, then notes; the order within each is kept."""
    order = ("error", "warning", "note")
    return tuple(sorted(problems, key=lambda problem: order.index(problem.severity)))


def _system(profile: HardwareProfile) -> Iterator[Problem]:
    system = profile.os
    if system.python_bits == 32:
        what = "this Python has 32 bits: it can address 4 GiB at most, and most models need more"
        yield Problem(
            "error",
            what,
            "install a 64-bit Python from python.org, then in it: pip install labkit",
        )
    if system.rosetta:
        what = "this Python is built for Intel and runs translated by Rosetta: models are slow, and without Metal"
        yield Problem(
            "warning", what, "install a Python for Apple silicon: brew install python, then labkit in it"
        )
    if system.wsl == 1:
        yield Problem(
            "warning", "WSL 1 gives no access to a GPU", "in Windows, type: wsl --set-version <distribution> 2"
        )
    elif system.wsl and not profile.gpus:
        what = "running under WSL, where no graphics driver is visible"
        yield Problem(
            "note", what, "for a GPU, install its driver in Windows (none inside WSL), then type: wsl --shutdown"
        )
    if system.load_average is not None and system.load_average > BUSY_SHARE * (profile.cpu.logical_cores or 1):
        what = f"other work keeps {system.load_average:.1f} cores busy: it slows models and measurements down"
        yield Problem("warning", what, "see what it is with: top")


def _processor(profile: HardwareProfile) -> Iterator[Problem]:
    cpu, core = profile.cpu, profile.native_core
    is_x86 = (profile.os.architecture or "").lower() in ("x86_64", "amd64")
    if is_x86 and cpu.features and "avx2" not in cpu.features:
        what = "the processor has no AVX2: models run several times slower than on one that has it"
        yield Problem("warning", what, "choose a small model: labkit recommend")
    elif is_x86 and core and core.cpu_features and "avx2" in cpu.features and "avx2" not in core.cpu_features:
        what = "the processor has AVX2 and the installed core does not use it"
        yield Problem("warning", what, rebuild_command("native", windows=_windows(profile)))
    cores = cpu.physical_cores or cpu.logical_cores
    if cpu.quota_cores and cores and cpu.quota_cores < cores:
        what = f"a control group grants {cpu.quota_cores:g} of {cores} cores"
        fix = "raise it (docker run --cpus=..., or systemd's CPUQuota=); labkit takes no more threads than that"
        yield Problem("note", what, fix)
    if cpu.affinity_cores and cpu.logical_cores and cpu.affinity_cores < cpu.logical_cores:
        what = f"this process may run on {cpu.affinity_cores} of {cpu.logical_cores} logical cores"
        yield Problem("note", what, "see the allowed ones with: taskset -cp $$")


def _memory(profile: HardwareProfile) -> Iterator[Problem]:
    memory = profile.memory
    if memory.limit_bytes is not None and memory.physical_bytes:
        what = (
            f"a control group limits memory to {render_bytes(memory.limit_bytes)} of "
            f"{render_bytes(memory.physical_bytes)}: beyond it the system ends the process"
        )
        fix = "raise it (docker run --memory=..., systemd: MemoryMax=), or see what fits: labkit recommend"
        yield Problem("warning", what, fix)
    if memory.budget_bytes is not None and memory.budget_bytes < LOW_MEMORY_BYTES:
        what = f"only {render_bytes(memory.budget_bytes)} of memory is free for a model"
        yield Problem("warning", what, "end other programs, then type again: labkit doctor")
    if memory.physical_bytes is None:
        yield Problem(
            "warning",
            "the size of memory could not be found out",
            "report it with what this prints: labkit doctor --json",
        )


def _gpus(profile: HardwareProfile) -> Iterator[Problem]:
    reported: set[str] = set()
    for gpu in profile.gpus:
        if gpu.usable is not False or _weak(gpu) or gpu.vendor is None or gpu.vendor in reported:
            continue
        reported.add(gpu.vendor)
        name = gpu.name or f"an {gpu.vendor} GPU"
        if gpu.vendor == "amd" and profile.os.name in ("Windows", "Darwin"):
            build = "vulkan" if profile.os.name == "Windows" else None
        else:
            build = _BUILD_FOR_VENDOR.get(gpu.vendor)
        if build is None or (profile.os.name == "Darwin" and profile.cpu.vendor != "Apple"):
            yield Problem("note", f"{name} is not used: llama.cpp supports Metal on Apple silicon only")
            continue
        what = (
            f"{name} is here, and the installed core is built without {build.upper()}: models run on the processor"
        )
        yield Problem("warning", what, rebuild_command(build, windows=_windows(profile)))


def _core(profile: HardwareProfile) -> Iterator[Problem]:
    core = profile.native_core
    if core is None or core.load_error or not core.gpu_offload or profile.usable_gpus:
        return
    backends = ", ".join(name for name in core.backends if name != "CPU") or "a GPU backend"
    what = f"the installed core has {backends}, and finds no device for it: models run on the processor"
    yield Problem(
        "warning", what, "check the driver (nvidia-smi, vulkaninfo --summary, rocminfo), then: labkit doctor"
    )


def _storage(profile: HardwareProfile) -> Iterator[Problem]:
    storage = profile.storage
    if storage.writable is False:
        yield Problem(
            "warning",
            "labkit's data folder is not writable: it keeps no models and no measurements",
            _CHANGE_FOLDER,
        )
    if storage.free_bytes is not None and storage.free_bytes < LOW_DISK_BYTES:
        what = f"only {render_bytes(storage.free_bytes)} of disk is free for models; an 8B model takes about 5 GiB"
        yield Problem("warning", what, "free some, or choose another disk: LABKIT_HOME=/path/on/it labkit doctor")


def _weak(gpu: Gpu) -> bool:
    # An Intel part inside a processor shares its memory bandwidth and has no more of it than the cores.
    return gpu.vendor == "intel" and bool(gpu.unified)


def _windows(profile: HardwareProfile) -> bool:
    return profile.os.name == "Windows"
