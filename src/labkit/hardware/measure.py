"""Read bandwidth of system memory, measured with numpy and kept for later commands.

Decoding one token reads every weight once, so this bandwidth bounds decode speed on a processor.

Why `np.max` over int32: of 15 reductions tried (sum, max, bitwise or, count_nonzero and dot over several types)
it was the fastest at every thread count, and over a buffer that fits a core's cache it runs several times faster:
over main memory it is memory that limits it. A sum over int32 widens each element and is slower; `np.dot` starts
threads of its own, which would make the thread count untrue. Reductions release the interpreter lock, so Python
threads read side by side.
"""

import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.errors import DataFolderError, InsufficientMemoryError
from labkit.hardware.keeping import keep
from labkit.hardware.probes.cpu import probe_cpu
from labkit.hardware.probes.memory import probe_memory
from labkit.hardware.probes.platform import probe_platform
from labkit.hardware.profile import BandwidthMeasurement, Cpu, ThreadBandwidth, is_busy
from labkit.hardware.source import Source, SystemSource
from labkit.settings import Settings
from labkit.units import MIB

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SECONDS_PER_THREAD_COUNT = 0.3
_MIN_REPETITIONS = 3
_DEFAULT_BUFFER_BYTES = 256 * MIB
_LEAST_BUFFER_BYTES = 64 * MIB
_CACHE_MULTIPLE = 4
_BUDGET_SHARE = 8
_FILE_NAME = "memory-bandwidth.json"


def load_or_measure_bandwidth(settings: Settings, source: Source | None = None) -> BandwidthMeasurement:
    """The kept measurement of this processor, else a new one, kept where the data folder allows.

    One that was kept from a busy time is made anew once the machine is idle. Blocks a second when it measures.
    Raises InsufficientMemoryError when there is no room to measure in.
    """
    machine = source or SystemSource()
    cpu = probe_cpu(machine).value
    kept = load_bandwidth(settings, cpu)
    if kept and (not is_busy(kept.load_average, cpu) or is_busy(_load_average(machine), cpu)):
        return kept
    return measure_and_keep_bandwidth(settings, machine)[0]


def measure_and_keep_bandwidth(settings: Settings, source: Source) -> tuple[BandwidthMeasurement, bool]:
    """A new measurement, and whether the data folder could keep one. Raises InsufficientMemoryError.

    A busy time does not replace better figures of an earlier one.
    """
    cpu = probe_cpu(source).value
    measured = measure_read_bandwidth(
        thread_counts(cpu.usable_cores),
        buffer_bytes=choose_buffer_bytes(cpu.last_level_cache_bytes, probe_memory(source).value.budget_bytes),
        load_average=_load_average(source),
        cpu=cpu_identity(cpu),
    )
    earlier = load_bandwidth(settings, cpu)
    if earlier and is_busy(measured.load_average, cpu) and _best(earlier) > _best(measured):
        return measured, True
    try:
        keep_bandwidth(settings, measured)
    except DataFolderError:
        return measured, False
    return measured, True


def measure_read_bandwidth(
    threads: Iterable[int],
    *,
    buffer_bytes: int = _DEFAULT_BUFFER_BYTES,
    load_average: float | None = None,
    cpu: str | None = None,
) -> BandwidthMeasurement:
    """Bytes per second read with each count of threads: the median of repetitions over about 0.3 s.

    Blocks for the whole time and uses that many cores. Raises ValueError for a count below 1.
    """
    counts = sorted(set(threads))
    if not counts or counts[0] < 1:
        raise ValueError(f"thread counts must be 1 or more, not {counts}")
    return BandwidthMeasurement(
        per_thread_count=tuple(ThreadBandwidth(count, _bandwidth(count, buffer_bytes)) for count in counts),
        buffer_bytes=buffer_bytes,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        core_version=core_version(),
        cpu=cpu,
        load_average=load_average,
    )


def thread_counts(cores: int) -> tuple[int, ...]:
    """1, 2, 4 ... and `cores` itself."""
    doubled = [1 << power for power in range(cores.bit_length()) if 1 << power <= cores]
    return tuple(sorted({*doubled, cores}))


def choose_buffer_bytes(cache_bytes: int | None, budget_bytes: int | None) -> int:
    """Several times the last-level cache, within an eighth of the memory budget.

    Raises InsufficientMemoryError when that leaves too little to tell memory from cache.
    """
    wanted = max(_DEFAULT_BUFFER_BYTES, _CACHE_MULTIPLE * (cache_bytes or 0))
    allowed = budget_bytes // _BUDGET_SHARE if budget_bytes is not None else wanted
    if allowed < max(_LEAST_BUFFER_BYTES, cache_bytes or 0):
        raise InsufficientMemoryError(
            "too little memory is free to measure its bandwidth",
            hint="end other programs, or leave measuring out: labkit doctor --quick",
        )
    return min(wanted, allowed)


def load_bandwidth(settings: Settings, cpu: Cpu) -> BandwidthMeasurement | None:
    """The kept measurement; None when there is none, it is damaged, or it is of another processor."""
    from labkit.hardware.document import parse_bandwidth

    try:
        text = _file(settings).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    kept = parse_bandwidth(text)
    return kept if kept and kept.cpu == cpu_identity(cpu) else None


def keep_bandwidth(settings: Settings, measured: BandwidthMeasurement) -> Path:
    """Write it where later commands look. Raises DataFolderError."""
    return keep(settings, _file(settings), measured, "measurement")


def cpu_identity(cpu: Cpu) -> str:
    """What a measurement is valid for."""
    return f"{cpu.model_name or 'unknown processor'}, {cpu.usable_cores} usable cores"


def core_version() -> str | None:
    """Installed version of llama-cpp-python, without loading it: from the name of its folder of metadata.

    importlib.metadata would read the same name, after a twentieth of a second of imports.
    """
    for folder in sys.path:
        for found in Path(folder or ".").glob("llama_cpp_python-*.dist-info"):
            return found.name.removesuffix(".dist-info").partition("-")[2]
    return None


def _load_average(source: Source) -> float | None:
    return probe_platform(source).value.load_average


def _best(measured: BandwidthMeasurement) -> float:
    return measured.best.bytes_per_second


def _bandwidth(threads: int, buffer_bytes: int) -> float:
    import statistics
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    part_bytes = buffer_bytes // threads // 4 * 4
    with ThreadPoolExecutor(threads) as pool:
        # Ones, not zeros: untouched zero pages share one page that stays in the cache. Each part is first written
        # by a thread of the pool, so that a machine with several memory nodes spreads them.
        parts = list(pool.map(lambda _: np.ones(part_bytes // 4, dtype=np.int32), range(threads)))
        seconds: list[float] = []
        deadline = time.perf_counter() + SECONDS_PER_THREAD_COUNT
        while time.perf_counter() < deadline or len(seconds) < _MIN_REPETITIONS:
            start = time.perf_counter()
            list(pool.map(_read, parts))
            seconds.append(time.perf_counter() - start)
    return float(round(part_bytes * threads / statistics.median(seconds)))


def _read(part: "NDArray[np.int32]") -> int:
    return int(part.max())


def _file(settings: Settings) -> Path:
    return settings.measurements_folder / _FILE_NAME
