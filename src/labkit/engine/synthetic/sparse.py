"""A file with a real model's shape and sizes, and neither data nor vocabulary: enough to size it, and no disk is used.

Without a vocabulary llama.cpp reads it five times as fast; its size stands in the header.
"""

from pathlib import Path

from labkit.engine.synthetic.container import TableRow, header_bytes, padded, tensor_bytes
from labkit.engine.synthetic.metadata import metadata
from labkit.engine.synthetic.mixture import TYPES
from labkit.engine.synthetic.writer import SyntheticPlan
from labkit.errors import DataFolderError

TOKENIZER = "tokenizer."


def write_sparse(plan: SyntheticPlan, path: Path) -> Path:
    """Write the header and leave the rest a hole that reads as zeros. Raises DataFolderError."""
    table: list[TableRow] = [(row.name, row.dimensions, TYPES[kind.name][0], kind) for row, kind in plan.tensors]
    keys = {key: value for key, value in metadata(plan.shape, plan.quantization).items() if TOKENIZER not in key}
    header = header_bytes(keys | {f"{TOKENIZER}ggml.model": "no_vocab"}, table)
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
