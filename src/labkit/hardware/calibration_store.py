"""Keeps the calibration of this machine between commands."""

import json
from pathlib import Path

from labkit.hardware.calibration import Calibration
from labkit.hardware.keeping import keep
from labkit.hardware.measure import core_version, cpu_identity
from labkit.hardware.plain import from_plain
from labkit.hardware.profile import Cpu, is_busy
from labkit.settings import Settings

_FILE_NAME = "calibration.json"


def load_calibration(settings: Settings, cpu: Cpu, core_build: str | None = None) -> Calibration | None:
    """The kept calibration; None when there is none, it is damaged, or it is of another processor or core.

    `core_build` is the llama.cpp commit of the installed core, where the caller knows it: to ask takes a moment.
    """
    try:
        kept = from_plain(Calibration, json.loads(_file(settings).read_bytes()))
    except (OSError, ValueError):
        return None
    fits = kept.cpu == cpu_identity(cpu) and kept.core_version == core_version()
    same_build = None in {core_build, kept.core_build} or kept.core_build == core_build
    return kept if fits and same_build and kept.devices else None


def keep_calibration(settings: Settings, calibration: Calibration) -> Path:
    """Write it where later commands look. Raises DataFolderError."""
    return keep(settings, _file(settings), calibration, "calibration")


def replaces(new: Calibration, kept: Calibration | None, cpu: Cpu) -> bool:
    """Whether `new` is to take the place of `kept`: one from a busy time does not, unless that was busier. Pure."""
    if kept is None or not is_busy(new.load_average, cpu):
        return True
    return is_busy(kept.load_average, cpu) and (new.load_average or 0.0) <= (kept.load_average or 0.0)


def _file(settings: Settings) -> Path:
    return settings.measurements_folder / _FILE_NAME
