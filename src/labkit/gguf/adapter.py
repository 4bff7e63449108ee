"""Checks of a LoRA adapter against its base model: what llama.cpp would not refuse but die of.

src/llama-adapter.cpp checks names and the first two dimensions; types of metadata, further dimensions and the
embedding's rank it asserts on later, when the adapter is first used.
"""

import math
import struct
from pathlib import Path

from labkit.errors import InvalidModelFileError
from labkit.gguf.cursor import invalid
from labkit.gguf.header import GgufHeader, TensorInfo, read_header

ALPHA = "adapter.lora.alpha"
TYPES = {"F32", "F16", "BF16", "Q8_0"}
EMBEDDING = "token_embd.weight"
_FLOAT32 = 6
_A, _B, _NORM = ".lora_a", ".lora_b", "_norm.weight"


def validate_adapter(path: Path, base: GgufHeader) -> GgufHeader:
    """Read the header of the adapter at `path` and check that it fits the model whose header is `base`.

    Blocks on the disk, reads the header only, changes nothing. Returns the adapter's header.
    Raises InvalidModelFileError with what is wrong.
    """
    header = read_header(path)
    _check_metadata(header, base)
    pairs = _pairs(header)
    shapes = {tensor.name: tensor.dimensions for tensor in base.tensors}
    for name, (a, b) in pairs.items():
        if name not in shapes:
            raise _foreign(path, f"the base model has no tensor {name!r}")
        _check_pair(header, name, _shape(a), _shape(b), _four(shapes[name]), is_tied="output.weight" not in shapes)
    return header


def _check_metadata(header: GgufHeader, base: GgufHeader) -> None:
    kind = header.text("general.type")
    if kind != "adapter" or header.text("adapter.type") != "lora":
        raise invalid(
            header.path,
            f"it is no LoRA adapter but '{kind or 'a model'}'",
            hint="adapters are made by labkit tune, or by llama.cpp's convert_lora_to_gguf.py",
        )
    theirs, ours = header.text("general.architecture"), base.text("general.architecture")
    if theirs != ours:
        raise _foreign(header.path, f"it was trained on the architecture '{theirs}', the model is '{ours}'")
    if "adapter.alora.invocation_tokens" in header.metadata:
        raise invalid(header.path, "it is an activated LoRA, which works from a marker on", hint="use a plain LoRA")
    alpha = header.metadata.get(ALPHA, 0.0)
    if not isinstance(alpha, float) or not math.isfinite(alpha) or not _is_float32(header):
        raise invalid(header.path, f"its '{ALPHA}' is not a float32 number")


def _is_float32(header: GgufHeader) -> bool:
    """Whether alpha is stored as llama.cpp insists; the header's values do not tell float32 from float64."""
    key = struct.pack("<Q", len(ALPHA)) + ALPHA.encode()
    with header.path.open("rb") as file:
        raw = file.read(header.data_offset)
    kinds = [part[:4] for part in raw.split(key)[1:]]
    return all(kind == struct.pack("<I", _FLOAT32) for kind in kinds)


def _pairs(header: GgufHeader) -> dict[str, tuple[TensorInfo, TensorInfo]]:
    """Name of the base model's tensor -> (A, B)."""
    found: dict[str, dict[str, TensorInfo]] = {}
    for tensor in header.tensors:
        stem, suffix = tensor.name[: -len(_A)], tensor.name[-len(_A) :]
        if suffix in (_A, _B):
            if tensor.type.name not in TYPES:
                raise invalid(header.path, f"{tensor.name!r} has the type {tensor.type.name}")
            found.setdefault(stem, {})[suffix] = tensor
        elif not tensor.name.endswith(_NORM):
            raise invalid(header.path, f"it holds {tensor.name!r}, which is no part of an adapter")
    for name, parts in found.items():
        if len(parts) != 2:
            raise invalid(header.path, f"{name!r} lacks its other half")
    if not found:
        raise invalid(header.path, "it holds no weights")
    return {name: (parts[_A], parts[_B]) for name, parts in found.items()}


def _check_pair(
    header: GgufHeader,
    name: str,
    a: tuple[int, ...],
    b: tuple[int, ...],
    base: tuple[int, ...],
    *,
    is_tied: bool,
) -> None:
    """Shapes with the fastest dimension first: base (in, out), A (in, rank), B (rank, out)."""
    if name == EMBEDDING:
        if is_tied:
            # llama.cpp multiplies with the same pair at the output, where the shapes do not fit: it aborts.
            raise invalid(header.path, "it changes an embedding that is also the output, which llama.cpp cannot apply")
        # The embedding's pair is the other way round: A (rank, vocabulary), B (rank, in).
        expected = a[1] == base[1] and b[1] == base[0] and a[0] == b[0]
    else:
        expected = a[0] == base[0] and b[1] == base[1] and a[1] == b[0]
    if not expected or a[2:] != base[2:] or b[2:] != base[2:]:
        raise _foreign(header.path, f"{name!r} is {base} in the base model; the adapter has {a} and {b}")


def _shape(tensor: TensorInfo) -> tuple[int, ...]:
    return _four(tensor.dimensions)


def _four(dimensions: tuple[int, ...]) -> tuple[int, ...]:
    return (*dimensions, 1, 1, 1, 1)[:4]


def _foreign(path: Path, what: str) -> InvalidModelFileError:
    return invalid(path, what, hint="an adapter fits only the base model that it was trained on")
