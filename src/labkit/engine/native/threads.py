"""How many threads native code may use by default."""

import os

import psutil


def usable_cores() -> int:
    """Physical cores this process may run on; at least 1.

    Physical, because two threads of one core share its floating-point units; bounded by the affinity mask, because
    threads without a core of their own make the others wait at every barrier.
    """
    logical = os.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    return max(1, min(physical, allowed))
