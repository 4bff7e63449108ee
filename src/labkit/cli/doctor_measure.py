"""The full `labkit doctor`: looking, memory bandwidth, calibration of the native core, behind one progress bar."""

import sys
from collections.abc import Callable
from dataclasses import replace

from labkit.cli import output
from labkit.errors import LabkitError
from labkit.hardware import HardwareProfile, Problem, detect_hardware
from labkit.hardware.source import Source
from labkit.settings import Settings

# Where each stage ends on the bar: about its share of the time.
_LOOKED, _BANDWIDTH_MEASURED = 0.05, 0.15


def detect_and_measure(settings: Settings, machine: Source) -> HardwareProfile:
    """The machine with everything measured. Blocks about 15 seconds. Never raises for what a machine lacks."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=output.talk(), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("looking over this machine", total=1.0)

        def show(share: float, doing: str) -> None:
            bar.update(task, completed=share, description=doing)

        found = detect_hardware(
            settings, source=machine, on_measuring=lambda: show(_LOOKED, "measuring memory bandwidth")
        )
        show(_BANDWIDTH_MEASURED, "measuring the native core")
        return _calibrated(settings, found, lambda share, doing: show(_scaled(share), doing))


def _scaled(share: float) -> float:
    return _BANDWIDTH_MEASURED + share * (1 - _BANDWIDTH_MEASURED)


def _calibrated(settings: Settings, found: HardwareProfile, show: Callable[[float, str], None]) -> HardwareProfile:
    from labkit.bench.calibrate import calibrate

    if not found.can_run_models:
        return found
    if _is_crowded(found):
        load = f"load average {found.os.load_average:.1f} on {found.cpu.logical_cores} cores"
        what = f"the native core was not measured: with {load} it would take minutes and say little"
        return _noted(found, Problem("note", what, "when the other work is done, type again: labkit doctor"))
    try:
        return replace(found, calibration=calibrate(settings, show))
    except LabkitError as error:
        return _noted(found, Problem("note", error.message, error.hint))


def _is_crowded(found: HardwareProfile) -> bool:
    """Whether other work wants every core: threads of the core would wait for each other at every barrier."""
    load, cores = found.os.load_average, found.cpu.logical_cores
    return load is not None and cores is not None and load > cores


def _noted(found: HardwareProfile, problem: Problem) -> HardwareProfile:
    return replace(found, problems=(*found.problems, problem))
