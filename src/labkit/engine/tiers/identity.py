"""What a saved state depends on besides its tokens: two states with different identities never meet."""

import hashlib
import os
import sys
from array import array
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_CHUNK_BYTES = 32 * 1024 * 1024
_MAX_THREADS = 4


@dataclass(frozen=True)
class Identity:
    """Everything that shapes the KV cells of given tokens.

    Attributes:
        model: digest of the model file's content (`model_digest`).
        build: of the native core: its version and commit. The layout of a state is an internal matter of llama.cpp.
        context: parameters of the context that shape the cells: KV types, flash attention, unified layout, window
            handling. Not the sizes of cache and batch.
        adapters: (digest of the adapter file, scale), in the order of application.
        tenant: states are shared among the requests of one tenant only.
    """

    model: str
    build: str
    context: tuple[str, ...] = ()
    adapters: tuple[tuple[str, float], ...] = ()
    tenant: str = ""

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over all fields, each with its length in front, so that no two identities read the same."""
        adapters = (part for name, scale in self.adapters for part in (name, float(scale).hex()))
        groups = ((self.model,), (self.build,), self.context, tuple(adapters), (self.tenant,))
        return hashlib.sha256(b"".join(_framed(group) for group in groups)).digest()


def _framed(texts: Sequence[str]) -> bytes:
    raw = [text.encode() for text in texts]
    return b"".join([len(raw).to_bytes(4, "little"), *(len(part).to_bytes(8, "little") + part for part in raw)])


def packed(tokens: Iterable[int]) -> bytes:
    """Token ids as 32-bit little-endian integers. Raises OverflowError for ids that do not fit."""
    numbers = array("i", tokens)
    if numbers.itemsize != 4:  # no supported platform has another size
        raise OverflowError("the platform's int has not 32 bits")
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def model_digest(path: Path) -> str:
    """Hex digest of the whole file: SHA-256 over the SHA-256 of each 32 MiB.

    Every byte counts, and neither name nor time does: a copied or touched file keeps its states, and a tune that
    changed one tensor loses them. Blocks, about 1 s for 5 GiB on four cores (the file is read for loading anyhow).
    Raises OSError.
    """
    size = path.stat().st_size
    starts = range(0, size, _CHUNK_BYTES)
    with ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1)) as threads:  # hashlib releases the GIL
        digests = threads.map(lambda start: _chunk_digest(path, start), starts)
        return hashlib.sha256(size.to_bytes(8, "little") + b"".join(digests)).hexdigest()


def _chunk_digest(path: Path, start: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return hashlib.sha256(file.read(_CHUNK_BYTES)).digest()
