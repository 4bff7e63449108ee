"""Writes a synthetic model: plan, choose types, then random blocks in large pieces.

Random bits are made once per type and spread, as a tile of some MB, and every tensor is the tile from a random
place on, repeated. The tile has a prime number of blocks and at least as many as the longest tensor has rows, so no
two rows of a matrix are alike.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from labkit.engine.synthetic.blocks import Bytes, plain_values, random_blocks
from labkit.engine.synthetic.container import TableRow, header_bytes, padded, tensor_bytes
from labkit.engine.synthetic.layers import plan_tensors
from labkit.engine.synthetic.metadata import metadata
from labkit.engine.synthetic.mixture import TYPES, choose_types
from labkit.engine.synthetic.shape import SyntheticShape
from labkit.engine.synthetic.tensors import TensorPlan
from labkit.engine.synthetic.vocabulary import CONTROL_TOKENS
from labkit.errors import DataFolderError
from labkit.gguf.tables import TensorType
from labkit.units import MIB, render_bytes

FORMAT_VERSION = 1  # raise it when the same shape gives another file
TILE_BYTES = 8 * MIB
SPARE_BYTES = 64 * MIB

Progress = Callable[[int, int], None]  # bytes written, bytes in all


@dataclass(frozen=True, slots=True)
class SyntheticPlan:
    """A file that is not written yet: its tensors with their types.

    Attributes:
        weight_bytes: of all tensors' data, without padding.
    """

    shape: SyntheticShape
    quantization: str
    tensors: tuple[tuple[TensorPlan, TensorType], ...]

    @property
    def weight_bytes(self) -> int:
        """Bytes of all tensors' data, without padding."""
        return sum(tensor_bytes(plan.dimensions, kind) for plan, kind in self.tensors)

    @property
    def num_parameters(self) -> int:
        """Numbers in all tensors."""
        return sum(plan.num_elements for plan, _ in self.tensors)


def plan_synthetic(shape: SyntheticShape, quantization: str) -> SyntheticPlan:
    """Tensors and types of a file. Pure, quick. Raises InputError for what cannot be imitated."""
    plans = plan_tensors(shape)
    return SyntheticPlan(shape, quantization, tuple(zip(plans, choose_types(shape, plans, quantization), strict=True)))


def write_synthetic(
    plan: SyntheticPlan, path: Path, *, seed: int = 0, on_progress: Progress = lambda _done, _total: None
) -> Path:
    """Write the file at `path`, whole or not at all, and return `path`. Blocks; the same seed gives the same bytes.

    Raises DataFolderError when the disk has no room or cannot be written.
    """
    table: list[TableRow] = [(row.name, row.dimensions, TYPES[kind.name][0], kind) for row, kind in plan.tensors]
    header = header_bytes(metadata(plan.shape, plan.quantization), table)
    total = len(header) + sum(padded(tensor_bytes(row.dimensions, kind)) for row, kind in plan.tensors)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _require_room(path.parent, total)
        with partial.open("wb", buffering=0) as file:
            _Writer(file, total, seed, on_progress).write(header, plan)
        partial.replace(path)
    except OSError as error:
        raise DataFolderError(
            f"cannot write {path}: {error.strerror or error}", hint="free some space, or choose another folder"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # nothing to clean up where nothing could be made
            partial.unlink()
    return path


def _require_room(folder: Path, num_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < num_bytes + SPARE_BYTES:
        raise DataFolderError(
            f"the file takes {render_bytes(num_bytes)}, {folder} has {render_bytes(free)} free",
            hint="free some space, take a smaller quantization, or choose another folder: LABKIT_HOME=...",
        )


class _Writer:
    """Writes one file; keeps the tiles of the types it met."""

    def __init__(self, file: BinaryIO, total: int, seed: int, on_progress: Progress) -> None:
        self._file = file
        self._total = total
        self._written = 0
        self._rng = np.random.default_rng(seed)
        self._on_progress = on_progress
        self._tiles: dict[tuple[str, float], Bytes] = {}

    def write(self, header: bytes, plan: SyntheticPlan) -> None:
        """The whole file."""
        self._put(header)
        for tensor, kind in plan.tensors:
            size = tensor_bytes(tensor.dimensions, kind)
            if tensor.mean or len(tensor.dimensions) == 1:
                self._put(plain_values(tensor.mean, tensor.deviation, tensor.num_elements, self._rng).data.cast("B"))
            else:
                silent = _silent_bytes(tensor, kind)
                self._put_tiled(tensor, kind, size - silent)
                self._put(bytes(silent))
            self._put(bytes(padded(size) - size))

    def _put_tiled(self, tensor: TensorPlan, kind: TensorType, size: int) -> None:
        tile = self._tile(tensor, kind)
        position = int(self._rng.integers(len(tile))) * kind.block_bytes
        flat = tile.data.cast("B")
        while size:
            piece = min(size, len(flat) - position)
            self._put(flat[position : position + piece])
            size -= piece
            position = 0

    def _tile(self, tensor: TensorPlan, kind: TensorType) -> Bytes:
        key = (kind.name, tensor.deviation)
        wanted = max(TILE_BYTES // kind.block_bytes, *tensor.dimensions[1:2])
        wanted = min(wanted, tensor.num_elements // kind.block_size)
        tile = self._tiles.get(key)
        if tile is None or len(tile) < wanted:
            tile = random_blocks(kind, _next_prime(wanted), tensor.deviation, self._rng)
            self._tiles[key] = tile
        return tile

    def _put(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while len(view):
            view = view[self._file.write(view) :]
        self._written += len(data)
        self._on_progress(self._written, self._total)


def _silent_bytes(tensor: TensorPlan, kind: TensorType) -> int:
    """Bytes at the end of an embedding or head that stay zero: the rows of the control tokens.

    Their logits are 0 among logits of deviation 2, so greedy text never ends by itself and sampled text rarely.
    """
    if tensor.name not in {"token_embd.weight", "output.weight"}:
        return 0
    return len(CONTROL_TOKENS) * tensor.dimensions[0] // kind.block_size * kind.block_bytes


def _next_prime(number: int) -> int:
    number = max(number, 2)
    while any(number % divisor == 0 for divisor in range(2, int(number**0.5) + 1)):
        number += 1
    return number
