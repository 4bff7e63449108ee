"""What `labkit serve` checks before any native code sees a file."""

from pathlib import Path

from labkit.gguf.header import GgufHeader, read_header
from labkit.gguf.hyperparameters import check_hyperparameters
from labkit.gguf.tensor_checks import check_tensors
from labkit.gguf.tokenizer import check_tokenizer


def validate(path: Path) -> GgufHeader:
    """Read the header of the model at `path` and check everything that is known to kill llama.cpp.

    Blocks on the disk, reads the header only, changes nothing. Returns the header.
    Raises InvalidModelFileError with what is wrong and what to do.
    """
    return check_header(read_header(path))


def check_header(header: GgufHeader) -> GgufHeader:
    """The checks of `validate` on a header that was read already. Pure. Returns it."""
    check_hyperparameters(header)
    check_tensors(header)
    check_tokenizer(header)
    return header
