"""What is wrong with a machine, or worth knowing, as pure rules over its profile: each says what to type."""

from collections.abc import Iterator

from labkit.hardware.merge import is_gpu, is_weak
from labkit.hardware.probes.apple_memory import ASSUMPTION
from labkit.hardware.probes.native import rebuild_command
from labkit.hardware.profile import Gpu, HardwareProfile, Memory, NativeCore, Problem, is_busy
from labkit.hardware.tiers import advised_tier, backends_for
from labkit.units import GIB, render_bytes

LOW_MEMORY_BYTES = 2 * GIB
NO_MEMORY_SIZE = "the size of memory could not be found out"
LOW_DISK_BYTES = 5 * GIB
# Without these instruction sets a core is several times slower; without the others somewhat.
_ESSENTIAL = ("avx2", "dotprod")
_HELPFUL = ("avx512", "matmul_int8")
# Environment variables that choose among a backend's devices.
_SELECTORS = {
    "CUDA": "CUDA_VISIBLE_DEVICES",
    "ROCm": "HIP_VISIBLE_DEVICES",
    "Vulkan": "GGML_VK_VISIBLE_DEVICES",
    "SYCL": "ONEAPI_DEVICE_SELECTOR",
}
_RAISE_MEMORY = {
    "kubernetes": "raise resources.limits.memory of the pod",
    "docker": "raise it: docker run --memory=...",
    "podman": "raise it: podman run --memory=...",
    "ecs": "raise memory in the task definition",
    "lxc": "raise it: lxc config set <container> limits.memory ...",
}
_CHANGE_FOLDER = "make it writable, or choose another: LABKIT_HOME=~/labkit-data labkit doctor"


def find_problems(profile: HardwareProfile) -> tuple[Problem, ...]:
    """Every problem that the profile itself shows, errors first."""
    rules = (_system, _processor, _memory, _gpus, _assumed, _core, _storage)
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
        yield Problem("warning", what, "install a Python for Apple silicon: brew install python, then labkit in it")
    if system.power_source == "battery":
        what = "the machine runs on its battery: models and measurements are slower than on mains"
        yield Problem("note", what, "plug it in before measuring")
    if system.wsl == 1:
        yield Problem(
            "warning", "WSL 1 gives no access to a GPU", "in Windows, type: wsl --set-version <distribution> 2"
        )
    elif system.wsl and not profile.gpus:
        what = "running under WSL, where no graphics driver is visible"
        yield Problem(
            "note", what, "for a GPU, install its driver in Windows (none inside WSL), then type: wsl --shutdown"
        )
    if is_busy(system.load_average, profile.cpu):
        load = f"load average {system.load_average:.1f} on {profile.cpu.logical_cores} cores"
        what = f"other work is running ({load}): it slows models and measurements down"
        yield Problem("warning", what, "see what it is with: top")


def _processor(profile: HardwareProfile) -> Iterator[Problem]:
    cpu = profile.cpu
    if profile.is_x86 and cpu.features and "avx2" not in cpu.features:
        what = "the processor has no AVX2: models run several times slower than on one that has it"
        yield Problem("warning", what, "choose a small model: labkit recommend")
    cores = cpu.physical_cores or cpu.logical_cores
    if cpu.quota_cores and cores and cpu.quota_cores < cores:
        what = f"a control group grants {cpu.quota_cores:g} of {cores} cores; labkit takes {cpu.usable_cores}"
        yield Problem("note", what, "raise it: docker run --cpus=..., or systemd's CPUQuota=")
    if cpu.affinity_cores and cpu.logical_cores and cpu.affinity_cores < cpu.logical_cores:
        what = f"this process may run on {cpu.affinity_cores} of {cpu.logical_cores} logical cores"
        yield Problem("note", what, "see the allowed ones with: taskset -cp $$")


def _memory(profile: HardwareProfile) -> Iterator[Problem]:
    memory = profile.memory
    if memory.limit_bytes is not None and memory.physical_bytes:
        what = (
            f"a control group limits memory to {render_bytes(memory.limit_bytes)} of "
            f"{render_bytes(memory.physical_bytes)}: beyond it the system {_beyond(memory)} the process"
        )
        setting = "MemoryHigh=" if _is_soft(memory) else "MemoryMax="
        fix = _RAISE_MEMORY.get(profile.os.container or "", f"raise it (systemd: {setting})")
        fix += ", or see what fits: labkit recommend"
        yield Problem("warning", what, fix)
    if memory.budget_bytes is not None and memory.budget_bytes < LOW_MEMORY_BYTES:
        what = f"only {render_bytes(memory.budget_bytes)} of memory is free for a model"
        yield Problem("warning", what, "end other programs, then type again: labkit doctor")
    if memory.physical_bytes is None:
        yield Problem(
            "warning",
            NO_MEMORY_SIZE,
            "report it with what this prints: labkit doctor --json",
        )


def _assumed(profile: HardwareProfile) -> Iterator[Problem]:
    for index, gpu in enumerate(profile.gpus):
        fact = profile.sources.get(f"gpus.{index}.memory_bytes")
        if fact and fact.source.startswith(ASSUMPTION) and gpu.memory_bytes is not None:
            what = f"{render_bytes(gpu.memory_bytes)} for {gpu.name or 'the GPU'} is an {fact.source}"
            yield Problem("note", what, "on the Mac, a core with Metal says how much it is: labkit doctor")


def _beyond(memory: Memory) -> str:
    return "slows down" if _is_soft(memory) else "ends"


def _is_soft(memory: Memory) -> bool:
    return (memory.limit_source or "").endswith("memory.high")


def _gpus(profile: HardwareProfile) -> Iterator[Problem]:
    reported: set[str] = set()
    for gpu in profile.gpus:
        if gpu.usable is not False or is_weak(gpu) or gpu.mig or gpu.vendor is None or gpu.vendor in reported:
            continue
        reported.add(gpu.vendor)
        if problem := _unused(profile, gpu, gpu.vendor):
            yield problem


def _hidden_by(core: NativeCore) -> str:
    names = [_SELECTORS[backend] for backend in core.backends if backend in _SELECTORS]
    return f"see whether {' or '.join(names) or 'its driver'} hides it"


def _unused(profile: HardwareProfile, gpu: Gpu, vendor: str) -> Problem | None:
    """Why the installed core does not use `gpu`, and the command that changes it."""
    name = gpu.name or f"the {vendor} GPU"
    if profile.os.name == "Darwin" and vendor != "apple":
        return Problem("note", f"{name} is not used: llama.cpp supports Metal on Apple silicon only")
    if profile.os.rosetta:
        return None  # a Python for the chip comes first, and the rule for Rosetta says it
    windows = profile.os.name == "Windows"
    # On a Mac that runs Linux the GPU works through Vulkan, as those of vendors without a tier of their own do.
    advised = advised_tier("" if vendor == "apple" and profile.os.name != "Darwin" else vendor, windows=windows)
    build, title = advised.build, advised.backends[0]
    if profile.native_core and backends_for(vendor) & set(profile.native_core.backends):
        if not profile.usable_gpus:
            return None  # the rule for a core that finds no device says it
        return Problem("note", f"the installed core does not list {name}", _hidden_by(profile.native_core))
    what = f"{name} is here, and the installed core is built without {title}: models run on the processor"
    if profile.usable_gpus:
        what = f"{name} is not used: the installed core is built without {title}"
        return Problem("note", what, rebuild_command(build, windows=windows))
    return Problem("warning", what, rebuild_command(build, windows=windows))


def _core(profile: HardwareProfile) -> Iterator[Problem]:
    core = profile.native_core
    if core is None or core.load_error:
        return
    missing = [name for name in (*_ESSENTIAL, *_HELPFUL) if name in profile.cpu.features]
    missing = [name for name in missing if core.cpu_features and name not in core.cpu_features]
    if missing:
        what = f"the processor has {', '.join(missing)}, and the installed core is built without"
        severity = "warning" if set(missing) & set(_ESSENTIAL) else "note"
        yield Problem(severity, what, rebuild_command("native", windows=profile.os.name == "Windows"))
    if core.gpu_offload and not any(is_gpu(device) for device in core.devices):
        backends = ", ".join(name for name in core.backends if name not in ("CPU", "BLAS")) or "a GPU backend"
        what = f"the installed core has {backends}, and finds no device for it: models run on the processor"
        yield Problem("warning", what, "check the driver (nvidia-smi, vulkaninfo --summary), then: labkit doctor")


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
