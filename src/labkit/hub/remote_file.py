"""The beginning of a file on a hub, as a file that can be read: a model's header without its weights."""

from collections.abc import Callable
from pathlib import Path

from labkit.errors import DownloadError
from labkit.hub.part import Span
from labkit.hub.stream import BusyError, ExpiredError, Source, WrongAnswerError, stream_span
from labkit.hub.types import Location
from labkit.units import KIB, MIB

FIRST_BYTES = 512 * KIB  # headers without a vocabulary end here
NEXT_BYTES = 8 * MIB
TRIES = 3


class RemoteFile:
    """Sequential reading over range requests. Fetches ahead in growing steps; nothing is written to disk.

    `here` is a file whose first `here_bytes` are the same: they are not fetched again.
    """

    def __init__(
        self, locate: Callable[[], Location], name: str, *, here: Path | None = None, here_bytes: int = 0
    ) -> None:
        self._locate, self._name = locate, name
        self._here, self._here_bytes = here, here_bytes
        location = locate()
        self._source = Source(location)
        self.size_bytes = location.size_bytes
        self.fetched_bytes = 0
        self._buffer = bytearray()
        self._position = 0

    def read(self, num_bytes: int) -> bytes:
        """The next `num_bytes`, fewer at the end of the file. Blocks.

        Raises DownloadError when the server does not give them, RefusedError for an address that is not allowed.
        """
        while len(self._buffer) < self._position + num_bytes and len(self._buffer) < self.size_bytes:
            self._fetch(max(self._position + num_bytes - len(self._buffer), self._step()))
        data = bytes(self._buffer[self._position : self._position + num_bytes])
        self._position += len(data)
        return data

    @property
    def beginning(self) -> bytes:
        """Everything that was read of it so far, from the start."""
        return bytes(self._buffer)

    def _step(self) -> int:
        return FIRST_BYTES if not self._buffer else NEXT_BYTES

    def _fetch(self, num_bytes: int) -> None:
        import httpx2

        end = min(len(self._buffer) + num_bytes, self.size_bytes)
        if self._here is not None and self._read_here(self._here, min(end, self._here_bytes)):
            return
        trouble = ""
        for _ in range(TRIES):
            try:
                for _, data in stream_span(self._source, Span(len(self._buffer), end)):
                    self._buffer += data
                    self.fetched_bytes += len(data)
                if len(self._buffer) >= end:
                    return
                trouble = "the connection was closed early"
            except ExpiredError as error:
                trouble = str(error)
                self._source = Source(self._locate())
            except (WrongAnswerError, BusyError) as error:
                trouble = str(error)
            except httpx2.HTTPError as error:
                trouble = f"the connection broke ({error or type(error).__name__})"
        raise DownloadError(f"the header of {self._name} cannot be read: {trouble}", hint="try again later")

    def _read_here(self, path: Path, end: int) -> bool:
        """Whether it had more than the buffer."""
        start = len(self._buffer)
        if end <= start:
            return False
        try:
            with path.open("rb") as file:
                file.seek(start)
                self._buffer += file.read(end - start)
        except OSError:  # it was finished, or removed, meanwhile
            return False
        return len(self._buffer) > start
