"""Which processors the servers get and which the load generator gets."""

import os
from dataclasses import dataclass

import psutil

from paired import usable_processors

ENOUGH_TO_SPARE_ONE = 4


@dataclass(frozen=True, slots=True)
class Cores:
    """Processors of each side; the same ones where there are too few to spare one."""

    servers: tuple[int, ...]
    client: tuple[int, ...]

    @property
    def num_threads(self) -> int:
        """Threads of a server that computes with all of its physical cores: two threads of one core share its units."""
        return max(1, min(len(self.servers), psutil.cpu_count(logical=False) or len(self.servers)))


def divide_cores() -> Cores:
    """Keep one processor for the client where at least four may be used, and move this process to it."""
    all_of_them = tuple(usable_processors())
    if len(all_of_them) < ENOUGH_TO_SPARE_ONE:
        return Cores(all_of_them, all_of_them)
    cores = Cores(all_of_them[:-1], all_of_them[-1:])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores.client)
    return cores
