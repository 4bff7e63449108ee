"""The file that turns images into a model's vectors, and what it may weigh."""

from dataclasses import dataclass, replace

from labkit.catalog import CatalogFile, CatalogModel, by_trust
from labkit.estimate import Weights

BYTES_PER_WEIGHT = {"F32": 4.0, "F16": 2.0, "BF16": 2.0, "Q8_0": 34 / 32}
LIGHTEST = ("Q8_0", "F16", "BF16", "F32")


@dataclass(frozen=True, slots=True)
class Projector:
    """A projector file.

    Attributes:
        size_bytes: (low, high); (0, 0) with an empty `source` when nothing is known of it.
        source: what the size comes from.
    """

    file: CatalogFile
    size_bytes: tuple[int, int]
    source: str


def find_projector(model: CatalogModel) -> Projector | None:
    """The lightest projector of the most trusted uploader; None when no file is known. Pure."""
    files = by_trust(model, model.projectors)
    if not files:
        return None
    best = min(files, key=lambda file: _rank(file))
    return Projector(best, *_size(model, best))


def with_projector(weights: Weights, projector: Projector | None) -> Weights:
    """The weights with those of the projector, which lies beside them; it is not read for each token. Pure."""
    if projector is None:
        return weights
    low, high = (size + extra for size, extra in zip(weights.size_bytes, projector.size_bytes, strict=True))
    return replace(weights, size_bytes=(low, high))


def _rank(file: CatalogFile) -> int:
    name = file.quantization or ""
    return LIGHTEST.index(name) if name in LIGHTEST else len(LIGHTEST)


def _size(model: CatalogModel, file: CatalogFile) -> tuple[tuple[int, int], str]:
    """At most the parameters that are in the repository and not in the language model (vision and MTP together)."""
    if file.bytes is not None:
        return (file.bytes, file.bytes), "published size"
    whole, text = model.num_parameters, model.num_text_parameters
    if whole is None or text is None or whole <= text:
        return (0, 0), ""
    width = BYTES_PER_WEIGHT.get(file.quantization or "", BYTES_PER_WEIGHT["F16"])
    return (0, round((whole - text) * width)), "at most the parameters beside the language model's"
