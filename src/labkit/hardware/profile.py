"""The machine as plain values. Detected, hand-written and simulated machines are this one type.

Unknown is None. `sources` says for each known fact where it comes from and how far to trust it.
Sizes are bytes, rates bytes per second, times seconds. No field holds a path, a serial number or a user's name:
a profile may be shown to others.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from labkit.hardware.calibration import Calibration

SCHEMA_VERSION = 1

Origin = Literal["measured", "reported", "table", "unknown"]
Severity = Literal["error", "warning", "note"]
Tier = Literal["cpu", "apple-silicon", "cuda", "rocm", "vulkan", "sycl", "opencl", "musa", "cann"]

# Other work that takes more than this share of the cores makes a measurement a lower bound.
BUSY_SHARE = 0.5


class _Document:
    """Read from a file, each part of a profile refuses keys that it does not know."""

    __slots__ = ()
    __pydantic_config__: ClassVar = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class FactSource(_Document):
    """Where a fact comes from: `measured` here, `reported` by the system, or read from a `table`."""

    origin: Origin
    source: str


@dataclass(frozen=True, slots=True)
class Problem(_Document):
    """Something to know or to put right. `fix` says what to type or do."""

    severity: Severity
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class OperatingSystem(_Document):
    """What labkit runs on.

    Attributes:
        name: "Linux", "Darwin" or "Windows".
        wsl: version of the Windows Subsystem for Linux; None outside it.
        python_bits: address width of this Python, 32 or 64.
        load_average: runnable processes over the last minute.
        power_source: "mains" or "battery": a machine on its battery is slower.
    """

    name: str | None = None
    release: str | None = None
    architecture: str | None = None
    board: str | None = None
    hypervisor: str | None = None
    container: str | None = None
    wsl: int | None = None
    python: str | None = None
    python_bits: int | None = None
    rosetta: bool | None = None
    load_average: float | None = None
    power_source: str | None = None


@dataclass(frozen=True, slots=True)
class Cpu(_Document):
    """Processor.

    Attributes:
        features: the instruction sets that matter to llama.cpp, in its spelling ("avx2", "dotprod", ...).
        affinity_cores: logical cores this process may run on.
        quota_cores: processor time a control group grants, in cores (1.5 = one and a half).
        last_level_cache_bytes: largest cache of one package.
        threads_per_core: logical cores of one physical core.
        numa_nodes: memory nodes that have processors; those without are other devices' memory (GH200).
    """

    model_name: str | None = None
    vendor: str | None = None
    physical_cores: int | None = None
    logical_cores: int | None = None
    performance_cores: int | None = None
    efficiency_cores: int | None = None
    features: tuple[str, ...] = ()
    affinity_cores: int | None = None
    quota_cores: float | None = None
    last_level_cache_bytes: int | None = None
    threads_per_core: int | None = None
    numa_nodes: int | None = None

    @property
    def usable_cores(self) -> int:
        """Threads that can run at full speed: performance cores, within affinity and quota. At least 1."""
        cores = self.performance_cores or self.physical_cores or self.logical_cores or 1
        bounds = [cores, self.affinity_cores or cores, int(self.quota_cores or cores)]
        return max(1, min(bounds))


@dataclass(frozen=True, slots=True)
class Memory(_Document):
    """System memory.

    Attributes:
        available_bytes: what programs can take without swapping, over the whole machine.
        limit_bytes: smallest control-group limit over this process; None without one below `physical_bytes`.
        limit_source: the file that holds that limit.
        current_bytes: what the limited group uses now, file cache included.
        budget_bytes: what a model may use: available memory, within every control group's headroom.
        peak_bandwidth_bytes_per_second: theoretical, from a table; measured values are in `measured`.
    """

    physical_bytes: int | None = None
    available_bytes: int | None = None
    swap_bytes: int | None = None
    limit_bytes: int | None = None
    limit_source: str | None = None
    current_bytes: int | None = None
    budget_bytes: int | None = None
    peak_bandwidth_bytes_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Gpu(_Document):
    """One graphics processor, or one MIG slice of one.

    Attributes:
        memory_bytes: its memory; of a unified one, what the system or the backend lets it address.
        unified: shares the system's memory.
        backend: ggml backend of the installed core that runs on it ("CUDA", "Metal"); None when none does.
        core_device: the name llama.cpp gives it ("CUDA0").
        usable: whether the installed core can use it; None when nobody knows (a hand-written profile).
        mig: a slice of a partitioned NVIDIA card.
        pci_address: such as "0000:03:00.0": tells equal cards apart, and one card of two probes from two cards.
        carve_out_bytes: of an integrated part, system memory that the firmware set aside for it.
        num_cores: processing units, where the vendor sells one chip with several counts (Apple).
        memory_clock_mhz: largest, as the driver gives it: tells boards of one name apart.
        peak_bandwidth_bytes_per_second: theoretical, of its whole memory; of a MIG slice unknown.
        peak_fp16_flops: operations per second without tensor cores; in fp32 on chips that are no faster in fp16
            (Pascal 6.1, Apple). An estimate of prefill takes `peak_fp16_tensor_flops` first where it is known.
        peak_fp16_tensor_flops: dense, with 32-bit sums; None without tensor cores and where no source says it.
    """

    vendor: str | None = None
    name: str | None = None
    memory_bytes: int | None = None
    free_bytes: int | None = None
    unified: bool | None = None
    driver: str | None = None
    compute_capability: str | None = None
    architecture: str | None = None
    mig: bool | None = None
    backend: str | None = None
    core_device: str | None = None
    usable: bool | None = None
    peak_bandwidth_bytes_per_second: float | None = None
    pci_address: str | None = None
    carve_out_bytes: int | None = None
    num_cores: int | None = None
    memory_clock_mhz: int | None = None
    peak_fp16_flops: float | None = None
    peak_fp16_tensor_flops: float | None = None


@dataclass(frozen=True, slots=True)
class CoreDevice(_Document):
    """A device as the ggml backend registry lists it. `kind` is "cpu", "gpu", "igpu", "accel" or "meta".

    `pci_address`, such as "0000:03:00.0": of backends that tell it (CUDA, ROCm, Vulkan).
    """

    name: str
    description: str
    kind: str
    backend: str
    free_bytes: int | None = None
    total_bytes: int | None = None
    pci_address: str | None = None


@dataclass(frozen=True, slots=True)
class NativeCore(_Document):
    """The installed native core, as a child process of ours found it.

    Attributes:
        version: of llama-cpp-python.
        llama_commit: of the llama.cpp it was built from.
        cpu_features: instruction sets it was compiled for.
        load_error: why it does not load; None when it does.
    """

    version: str | None = None
    ggml_version: str | None = None
    llama_commit: str | None = None
    backends: tuple[str, ...] = ()
    devices: tuple[CoreDevice, ...] = ()
    cpu_features: tuple[str, ...] = ()
    gpu_offload: bool | None = None
    load_error: str | None = None


@dataclass(frozen=True, slots=True)
class ThreadBandwidth(_Document):
    """Read bandwidth with so many threads."""

    threads: int
    bytes_per_second: float


@dataclass(frozen=True, slots=True)
class BandwidthMeasurement(_Document):
    """Read bandwidth of system memory, measured.

    Attributes:
        per_thread_count: ascending in threads, at least one.
        measured_at: UTC, ISO 8601.
        core_version: of llama-cpp-python at that time.
        cpu: the processor's name and core count; another one makes the measurement void.
        load_average: before measuring: other work lowers the figure.
    """

    per_thread_count: tuple[ThreadBandwidth, ...]
    buffer_bytes: int
    measured_at: str
    core_version: str | None = None
    cpu: str | None = None
    load_average: float | None = None

    @property
    def best(self) -> ThreadBandwidth:
        """The fastest entry."""
        return max(self.per_thread_count, key=lambda entry: entry.bytes_per_second)


@dataclass(frozen=True, slots=True)
class Storage(_Document):
    """Where labkit keeps models. `free_bytes` is of that file system."""

    free_bytes: int | None = None
    writable: bool | None = None


@dataclass(frozen=True, slots=True)
class HardwareProfile(_Document):
    """A machine. `calibration` is what the native core does on it.

    `sources` maps a field ("memory.available_bytes", "gpus.0.name") to where it comes from.
    """

    schema_version: int = SCHEMA_VERSION
    name: str | None = None
    tier: Tier = "cpu"
    os: OperatingSystem = field(default_factory=OperatingSystem)
    cpu: Cpu = field(default_factory=Cpu)
    memory: Memory = field(default_factory=Memory)
    gpus: tuple[Gpu, ...] = ()
    native_core: NativeCore | None = None
    storage: Storage = field(default_factory=Storage)
    measured: BandwidthMeasurement | None = None
    calibration: Calibration | None = None
    problems: tuple[Problem, ...] = ()
    sources: dict[str, FactSource] = field(default_factory=dict)

    @property
    def usable_gpus(self) -> tuple[Gpu, ...]:
        """GPUs the installed core runs on, most free memory first."""
        return most_free_first(gpu for gpu in self.gpus if gpu.usable)

    @property
    def can_run_models(self) -> bool:
        """Whether the native core loads here (true of a hand-written profile, which says nothing of it)."""
        return self.native_core is None or self.native_core.load_error is None

    @property
    def is_x86(self) -> bool:
        """Whether the processor is known to be Intel's or AMD's."""
        known = (self.os.architecture or "").lower() in ("x86_64", "amd64")
        return known or self.cpu.vendor in ("GenuineIntel", "AuthenticAMD")


def most_free_first(gpus: Iterable[Gpu]) -> tuple[Gpu, ...]:
    """GPUs in the order in which models are put on them; all memory counts where the free part is unknown."""
    return tuple(sorted(gpus, key=lambda gpu: -(gpu.free_bytes or gpu.memory_bytes or 0)))


def is_busy(load_average: float | None, cpu: Cpu) -> bool:
    """Whether other work takes so many cores that measurements say little. Unknown counts as idle."""
    return load_average is not None and load_average > BUSY_SHARE * (cpu.logical_cores or 1)
