"""Calibration of this machine: what the native core does here, for the speed model. `labkit doctor` calls it."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from labkit.bench.calibration_models import fat_bytes
from labkit.bench.calibration_run import CalibrationTask
from labkit.errors import DataFolderError, InsufficientMemoryError, NativeError
from labkit.hardware.calibration import Calibration, DeviceCalibration
from labkit.hardware.calibration_store import keep_calibration, load_calibration, replaces
from labkit.hardware.measure import core_version, cpu_identity
from labkit.hardware.probes.cpu import probe_cpu
from labkit.hardware.probes.memory import probe_memory
from labkit.hardware.probes.native import probe_native_core
from labkit.hardware.probes.platform import probe_platform
from labkit.hardware.profile import CoreDevice, NativeCore
from labkit.hardware.source import Source, SystemSource
from labkit.settings import Settings, ensure_writable

SECONDS = 11.0
"""For everything: `labkit doctor` is to answer within 20."""
CHILD = "from labkit.bench.calibration_run import main; main()"
PATIENCE_SECONDS = 120.0
"""A child that takes so much longer hangs, or the machine is too slow to be measured."""
MEMORY_MULTIPLE = 3  # the file, the core's copy in its own layout, and room beside
OnProgress = Callable[[float, str], None]


def calibrate(
    settings: Settings,
    on_progress: OnProgress = lambda _share, _doing: None,
    *,
    source: Source | None = None,
    seconds: float = SECONDS,
) -> Calibration:
    """Measure what the native core does here, on the processor and on each kind of accelerator that it uses; keep it.

    Blocks about `seconds`. `on_progress` gets the share that is done (0 to 1) and what is being measured. A busy
    time does not replace better figures, but is returned. Where nothing can be kept, it is returned all the same.
    Raises NativeError when the core fails, InsufficientMemoryError without room to measure in, DataFolderError when
    the disk is full.
    """
    machine = source or SystemSource()
    cpu, platform = probe_cpu(machine).value, probe_platform(machine).value
    core = probe_native_core(machine).value or NativeCore()
    _require_memory(probe_memory(machine).value.budget_bytes, cpu.last_level_cache_bytes)
    started = time.monotonic()
    devices = _devices(core.devices)
    found = []
    for number, (device, gpu_layers) in enumerate(devices):
        with tempfile.TemporaryDirectory(prefix="labkit-", dir=_folder(settings)) as folder:
            task = CalibrationTask(
                device, cpu.usable_cores, gpu_layers, cpu.last_level_cache_bytes, folder, seconds / len(devices)
            )
            found.append(run_child(task, _part(on_progress, number, len(devices))))
    calibration = Calibration(
        devices=tuple(found),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 1),
        cpu=cpu_identity(cpu),
        core_version=core_version(),
        core_build=core.llama_commit,
        power_source=platform.power_source,
        load_average=platform.load_average,
    )
    if replaces(calibration, load_calibration(settings, cpu), cpu):
        _keep(settings, calibration)
    return calibration


def _devices(listed: tuple[CoreDevice, ...]) -> list[tuple[str, int]]:
    """(name, layers on the accelerator): the processor, and the first accelerator, which llama.cpp fills first."""
    gpus = [device.name for device in listed if device.kind in {"gpu", "igpu"}]
    return [("CPU", 0), *((name, -1) for name in gpus[:1])]


def _require_memory(budget_bytes: int | None, cache_bytes: int | None) -> None:
    if budget_bytes is not None and budget_bytes < MEMORY_MULTIPLE * fat_bytes(cache_bytes):
        raise InsufficientMemoryError(
            "too little memory is free to measure the native core",
            hint="end other programs, or leave measuring out: labkit doctor --quick",
        )


def _folder(settings: Settings) -> Path | None:
    """Where the models are written: the data folder, or the system's own place when that is read-only."""
    try:
        return ensure_writable(settings.synthetic_folder)
    except DataFolderError:
        return None


def _keep(settings: Settings, calibration: Calibration) -> None:
    try:
        keep_calibration(settings, calibration)
    except DataFolderError:
        return  # the doctor has a rule for a folder that cannot be written


def _part(on_progress: OnProgress, number: int, count: int) -> OnProgress:
    return lambda share, doing: on_progress((number + share) / count, doing)


def run_child(task: CalibrationTask, on_progress: OnProgress) -> DeviceCalibration:
    """The child process, from its start to its last line. Raises NativeError when it ends without a result."""
    command = [sys.executable, "-c", CHILD, json.dumps(asdict(task))]
    result: DeviceCalibration | None = None
    with tempfile.TemporaryFile() as talk:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=talk, text=True) as child:
            patience = threading.Timer(task.seconds + PATIENCE_SECONDS, child.kill)
            patience.start()
            try:
                for line in child.stdout or ():
                    result = _understood(line, on_progress) or result
            except BaseException:
                child.kill()
                raise
            finally:
                patience.cancel()
        if result is None:
            talk.seek(0)
            said = talk.read().decode(errors="replace").strip().splitlines()
            raise NativeError(
                f"the native core could not be measured: {said[-1] if said else f'exit code {child.returncode}'}",
                hint="see what it says of itself: labkit doctor --quick",
            )
    return result


def _understood(line: str, on_progress: OnProgress) -> DeviceCalibration | None:
    """What a line of the child says; backends print lines of their own, which say nothing."""
    from pydantic import TypeAdapter

    try:
        document = json.loads(line)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    if "share" in document:
        on_progress(document["share"], document["doing"])
    if "calibration" in document:
        return TypeAdapter(DeviceCalibration).validate_python(document["calibration"])
    return None
