"""Figures of this machine as files that later commands read: whole, or not there."""

import json
from pathlib import Path
from typing import Any

from labkit.errors import DataFolderError
from labkit.files import write_atomically
from labkit.settings import Settings, ensure_writable


def keep(settings: Settings, path: Path, value: Any, what: str) -> Path:
    """Write `value`, a dataclass, to `path` in the measurements folder. Raises DataFolderError, which names `what`."""
    from labkit.hardware.document import to_plain

    ensure_writable(settings.measurements_folder)
    try:
        write_atomically(path, (json.dumps(to_plain(value), indent=2) + "\n").encode())
    except OSError as error:
        raise DataFolderError(
            f"cannot keep the {what}: {error.strerror or error}",
            hint="free some disk, or choose another folder: LABKIT_HOME=~/labkit-data labkit doctor",
        ) from error
    return path
