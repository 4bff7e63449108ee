"""What a benchmark row says about build, processor and model."""

import functools
import platform
import re
from pathlib import Path
from typing import Any

from labkit import __version__
from labkit.bench.record import CoreFacts
from labkit.engine.native.describe import describe
from labkit.engine.native.model import NativeModel


def gather_facts(
    path: Path, model: NativeModel, *, n_batch: int, n_ubatch: int, n_threads: int, n_gpu_layers: int
) -> CoreFacts:
    """Facts under llama-bench's names; what the build does not tell is "unknown" or 0."""
    core = _core()
    devices = core.get("devices", [])
    return CoreFacts(
        build_commit=core.get("commit") or "unknown",
        build_number=0,
        cpu_info=_join(devices, ("cpu",)) or platform.processor() or "unknown",
        gpu_info=_join(devices, ("gpu", "igpu")),
        backends=_backends(devices),
        model_filename=str(path),
        model_type=model.description,
        model_size=model.weight_bytes,
        model_n_params=model.num_parameters,
        n_batch=n_batch,
        n_ubatch=n_ubatch,
        n_threads=n_threads,
        n_gpu_layers=n_gpu_layers,
        labkit_version=__version__,
        labkit_core_version=core.get("version", "unknown"),
    )


@functools.cache
def _core() -> dict[str, Any]:
    return describe()


def _join(devices: list[dict[str, Any]], kinds: tuple[str, ...]) -> str:
    return ", ".join(device["description"] or device["name"] for device in devices if device["kind"] in kinds)


def _backends(devices: list[dict[str, Any]]) -> str:
    """As llama-bench prints it: the accelerators' backends, or CPU when there is none."""
    names = [device["backend"] for device in devices if device["kind"] != "cpu" and device["backend"]]
    return re.sub(r"\s+", "", ",".join(dict.fromkeys(names))) or "CPU"
