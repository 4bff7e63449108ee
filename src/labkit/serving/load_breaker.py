"""Whether a model's file is worth another try at loading it. Pure: time and the file's identity are given."""

from dataclasses import dataclass
from pathlib import Path

from labkit.errors import LabkitError

MAX_CRASHES = 2
FIRST_REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 60.0

FileIdentity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a load is not tried now. `retry_after_seconds` is None when only another file would change it."""

    error: LabkitError
    retry_after_seconds: float | None


class LoadBreaker:
    """One model's failed loads. Each failure in a row doubles the rest before the next try.

    A file that ended its worker twice while it was loaded is not loaded again until it is another file.
    """

    def __init__(self) -> None:
        self._identity: FileIdentity | None = None
        self._error: LabkitError | None = None
        self._num_failures = 0
        self._num_crashes = 0
        self._failed_at = 0.0

    def objection(self, identity: FileIdentity | None, now: float) -> Objection | None:
        """Why not to load the file now, or None. `now` is in monotonic seconds."""
        if self._error is None or identity != self._identity:
            return None
        if self._num_crashes >= MAX_CRASHES:
            return Objection(self._error, None)
        rest = min(FIRST_REST_SECONDS * 2 ** (self._num_failures - 1), LONGEST_REST_SECONDS)
        left = self._failed_at + rest - now
        return Objection(self._error, left) if left > 0 else None

    def failed(self, identity: FileIdentity | None, error: LabkitError, now: float, *, crashed: bool) -> None:
        """A load failed; `crashed` when the worker died over it instead of saying what is wrong."""
        if identity != self._identity:
            self.forget()
        self._identity, self._error, self._failed_at = identity, error, now
        self._num_failures += 1
        self._num_crashes += crashed

    def forget(self) -> None:
        """A load succeeded, or the file is another one."""
        self._identity = self._error = None
        self._num_failures = self._num_crashes = 0


def identity_of(path: Path) -> FileIdentity | None:
    """What changes when a file is replaced or written; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
