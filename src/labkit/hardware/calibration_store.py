"""Keeps the calibration of this machine between commands."""

import json
import os
from pathlib import Path

from labkit.errors import DataFolderError
from labkit.hardware.calibration import Calibration
from labkit.hardware.measure import core_version, cpu_identity
from labkit.hardware.plain import from_plain
from labkit.hardware.profile import Cpu, is_busy
from labkit.settings import Settings, ensure_writable

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
    from labkit.hardware.document import to_plain

    ensure_writable(settings.measurements_folder)
    path = _file(settings)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        draft.write_text(json.dumps(to_plain(calibration), indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise DataFolderError(
            f"cannot keep the calibration: {error.strerror or error}",
            hint="free some disk, or choose another folder: LABKIT_HOME=~/labkit-data labkit doctor",
        ) from error
    return path


def replaces(new: Calibration, kept: Calibration | None, cpu: Cpu) -> bool:
    """Whether `new` is to take the place of `kept`: one from a busy time does not, unless that was busier. Pure."""
    if kept is None or not is_busy(new.load_average, cpu):
        return True
    return is_busy(kept.load_average, cpu) and (new.load_average or 0.0) <= (kept.load_average or 0.0)


def _file(settings: Settings) -> Path:
    return settings.measurements_folder / _FILE_NAME
