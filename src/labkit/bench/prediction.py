"""What a core benchmark was predicted to be, and what the calibration learns from it. Pure but for the file."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from labkit.bench.machine import MachineLimits
from labkit.bench.record import CoreRecord, CoreTest
from labkit.errors import DataFolderError
from labkit.estimate import Device, Machine, Speed, Weights, predict_decode, predict_prefill, weights_of_file
from labkit.estimate.speed_model import decode_terms
from labkit.estimate.work import token_work
from labkit.gguf import FileFacts
from labkit.hardware.calibration import Calibration, DeviceCalibration, refine
from labkit.hardware.calibration_store import keep_calibration, load_calibration
from labkit.hardware.probes.cpu import probe_cpu
from labkit.hardware.probes.platform import probe_platform
from labkit.hardware.profile import is_busy
from labkit.hardware.source import Source, SystemSource
from labkit.settings import Settings

PROCESSOR = "CPU"


def predicted(
    records: Sequence[CoreRecord], facts: FileFacts, calibration: Calibration | None, limits: MachineLimits
) -> list[CoreRecord]:
    """The records with what was predicted of each, where something can be said. Pure."""
    return [replace(record, predicted=_prediction(record, facts, calibration, limits)) for record in records]


def learned(calibration: Calibration, records: Sequence[CoreRecord], facts: FileFacts) -> Calibration:
    """The calibration with every generation among the records folded in. Pure.

    Left out: prompts, partial offload, other numbers of threads, another build of the core, and models that fit the
    processor's cache, whose rates are not those of memory.
    """
    for record in records:
        device = _device(record, calibration)
        work = token_work(facts.architecture, weights_of_file(facts))
        if device is None or work is None or not _teaches(record, calibration):
            continue
        terms = decode_terms(work, device, _depth(record.test))
        measured = median(record.samples_ns) / record.test.num_generated / 1e9
        better = refine(device, terms, measured / sum(terms.values()))
        devices = tuple(better if one is device else one for one in calibration.devices)
        calibration = replace(calibration, devices=devices)
    return calibration


def learn(settings: Settings, records: Sequence[CoreRecord], facts: FileFacts, source: Source | None = None) -> bool:
    """Fold the records into the kept calibration; whether that changed it. Not on a busy machine."""
    machine = source or SystemSource()
    cpu = probe_cpu(machine).value
    kept = load_calibration(settings, cpu)
    if kept is None or is_busy(probe_platform(machine).value.load_average, cpu):
        return False
    better = learned(kept, records, facts)
    if better == kept:
        return False
    try:
        keep_calibration(settings, better)
    except DataFolderError:
        return False
    return True


def load_kept_calibration(settings: Settings, source: Source | None = None) -> Calibration | None:
    """The calibration of this machine, when there is one. Measures nothing."""
    return load_calibration(settings, probe_cpu(source or SystemSource()).value)


def _prediction(
    record: CoreRecord, facts: FileFacts, calibration: Calibration | None, limits: MachineLimits
) -> Speed | None:
    device = _device(record, calibration) if calibration else None
    if device is None and (calibration is not None or not _is_on_processor(record)):
        return None
    machine, on = _machine(device, limits)
    return _speed(record.test, facts, weights_of_file(facts), machine, on, record.facts.n_ubatch)


def _machine(device: DeviceCalibration | None, limits: MachineLimits) -> tuple[Machine, Device | None]:
    """A machine of which only speed is known; and its accelerator when that is what was measured."""
    if device is not None and device.device != PROCESSOR:
        return Machine(None), Device(device.device, "other", 0, calibration=device)
    source = "measured" if limits.bytes_per_second else "unknown"
    return Machine(None, limits.bytes_per_second, source, calibration=device), None


def _speed(
    test: CoreTest, facts: FileFacts, weights: Weights, machine: Machine, device: Device | None, ubatch: int
) -> Speed | None:
    """Speed of a test that is a prompt or a generation; of both in one there is no word for it."""
    if test.num_prompt and (test.num_generated or test.depth):
        return None
    if test.num_prompt:
        return predict_prefill(
            facts.architecture, weights, machine, test.num_prompt, ubatch_tokens=ubatch, device=device
        )
    return predict_decode(facts.architecture, weights, machine, depth=_depth(test), device=device)


def _depth(test: CoreTest) -> float:
    """Tokens in front of one that is generated, on average."""
    return test.depth + test.num_generated / 2


def _device(record: CoreRecord, calibration: Calibration) -> DeviceCalibration | None:
    """The part of the calibration that says something about this record."""
    if not _is_on_processor(record):
        whole = record.facts.n_gpu_layers < 0
        return next((device for device in calibration.devices if device.device != PROCESSOR and whole), None)
    device = calibration.device(PROCESSOR)
    return device if device and device.threads == record.facts.n_threads else None


def _is_on_processor(record: CoreRecord) -> bool:
    return record.facts.backends == "CPU" or record.facts.n_gpu_layers == 0


def _teaches(record: CoreRecord, calibration: Calibration) -> bool:
    if record.test.num_prompt or record.bandwidth.fits_cache:
        return False
    return calibration.core_build in {None, record.facts.build_commit}
