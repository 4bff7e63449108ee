"""What a long run must not make grow: memory, descriptors, threads, processes of the endpoint."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psutil

from labkit.units import MIB


@dataclass(frozen=True, slots=True)
class Sample:
    """The endpoint's processes at one moment."""

    seconds: float
    front_bytes: int
    worker_bytes: int
    num_descriptors: int
    num_threads: int
    num_processes: int


def take_sample(pid: int, started: float) -> Sample:
    """Of the front with process id `pid`, and its children."""
    front = psutil.Process(pid)
    children = front.children(recursive=True)
    return Sample(
        seconds=time.monotonic() - started,
        front_bytes=front.memory_info().rss,
        worker_bytes=sum(_rss(child) for child in children),
        num_descriptors=front.num_fds(),
        num_threads=front.num_threads(),
        num_processes=1 + len(children),
    )


def slope_mib_per_minute(samples: Sequence[Sample], name: str) -> float:
    """Least-squares slope of a size after the first fifth of the run, in MiB per minute."""
    kept = samples[len(samples) // 5 :]
    minutes = np.array([sample.seconds / 60 for sample in kept])
    sizes = np.array([getattr(sample, name) / MIB for sample in kept])
    return float(np.polyfit(minutes, sizes, 1)[0])


def _rss(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
