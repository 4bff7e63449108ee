"""A file with a real model's header and sizes and no data: enough to size it, and no disk is used."""

from pathlib import Path

from labkit.engine.synthetic.container import TableRow, header_bytes, padded, tensor_bytes
from labkit.engine.synthetic.metadata import metadata
from labkit.engine.synthetic.mixture import TYPES
from labkit.engine.synthetic.writer import SyntheticPlan
from labkit.errors import DataFolderError


def write_sparse(plan: SyntheticPlan, path: Path) -> Path:
    """Write the header and leave the rest a hole that reads as zeros. Raises DataFolderError."""
    table: list[TableRow] = [(row.name, row.dimensions, TYPES[kind.name][0], kind) for row, kind in plan.tensors]
    header = header_bytes(metadata(plan.shape, plan.quantization), table)
    size = len(header) + sum(padded(tensor_bytes(row.dimensions, kind)) for row, kind in plan.tensors)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(header)
            file.truncate(size)
    except OSError as error:
        raise DataFolderError(
            f"cannot write {path}: {error.strerror or error}", hint="choose another folder"
        ) from error
    return path
