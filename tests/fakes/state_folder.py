"""A folder on a disk that can run full."""

import errno
from collections.abc import Iterable
from pathlib import Path

from labkit.engine.tiers.folder import StateFolder


class FillingFolder(StateFolder):
    """Raises ENOSPC in the middle of a write while `is_full`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.is_full = False
        self.attempts = 0

    def write(self, key: str, parts: Iterable[bytes]) -> None:
        self.attempts += 1
        super().write(key, self._until_full(parts))

    def _until_full(self, parts: Iterable[bytes]) -> Iterable[bytes]:
        for number, part in enumerate(parts):
            if self.is_full and number > 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            yield part
