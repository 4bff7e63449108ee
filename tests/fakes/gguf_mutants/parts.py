"""Models in several files that do not belong together, and files that are no model at all.

Each kind gives (name, files): the first file is the one that a person names.
"""

from dataclasses import replace

from fakes import gguf_writer as writer
from fakes.gguf_mutants.bases import any_base, base
from fakes.gguf_mutants.document import Document, typed
from fakes.gguf_writer import Typed


def split(document, count):
    """A model in `count` parts, as llama-gguf-split makes them."""
    tensors = document.tensors
    size = -(-len(tensors) // count)
    common = (
        (b"split.count", Typed(writer.UINT16, count)), (b"split.tensors.count", Typed(writer.INT32, len(tensors))),
    )  # fmt: skip
    return [
        Document((*(document.pairs if part == 0 else ()), (b"split.no", Typed(writer.UINT16, part)), *common),
                 tensors[part * size : (part + 1) * size])
        for part in range(count)
    ]  # fmt: skip


def names(count):
    """File names of the parts."""
    return [f"model-{part + 1:05}-of-{count:05}.gguf" for part in range(count)]


def _files(parts, named=None):
    given = named or names(len(parts))
    return {name: part.to_bytes() for name, part in zip(given, parts, strict=True)}


def wrong_numbers(rng):
    """split.no or split.count that contradict the names."""
    name, document = any_base(rng)
    parts = split(document, rng.choice((2, 3)))
    which = rng.randrange(len(parts))
    key = rng.choice(("split.no", "split.count", "split.tensors.count"))
    values = (0, 1, 2, 7, 65535, 65536, 2**31, 2**32 - 1, -1, "1", None, 1.5)
    value = rng.choice(values)
    item = Typed(writer.INT32, -1) if value == -1 else value
    if isinstance(value, int) and 0 <= value < 65536 and rng.random() < 0.7:
        item = Typed(writer.UINT16, value)
    parts[which] = parts[which].setting(key, item)
    return name, _files(parts)


def foreign_part(rng):
    """One part comes from another model."""
    name, document = any_base(rng)
    other, stranger = any_base(rng)
    parts, others = split(document, 2), split(stranger, 2)
    if other == name:
        others = split(base("dense" if name != "dense" else "moe"), 2)
    return name, _files([parts[0], others[1]])


def missing_part(rng):
    name, document = any_base(rng)
    files = _files(split(document, 3))
    del files[names(3)[rng.choice((1, 2))]]
    return name, files


def doubled_part(rng):
    name, document = any_base(rng)
    parts = split(document, 3)
    parts[rng.choice((1, 2))] = parts[rng.randrange(2)]
    return name, _files(parts)


def cut_part(rng):
    name, document = any_base(rng)
    files = _files(split(document, 2))
    last = names(2)[1]
    files[last] = files[last][: rng.randrange(len(files[last]) - 64)]
    return name, files


def damaged_part(rng):
    """A shape or type in a later part, where only tensors stand."""
    name, document = any_base(rng)
    parts = split(document, 2)
    tensors = list(parts[1].tensors)
    index = rng.randrange(len(tensors))
    tensor = tensors[index]
    tensors[index] = rng.choice((
        replace(tensor, dimensions=(1, *tensor.dimensions[1:]), kind=0, data=bytes(4 * max(1, len(tensor.data)))),
        replace(tensor, name=document.tensors[0].name),
        replace(tensor, name=b"unknown.weight"),
        replace(tensor, kind=28, dimensions=(4,), data=bytes(32)),
    ))  # fmt: skip
    parts[1] = parts[1].with_(tensors=tuple(tensors))
    return name, _files(parts)


def later_part_alone(rng):
    name, document = any_base(rng)
    count = rng.choice((2, 3))
    part = split(document, count)[rng.randrange(1, count)]
    return name, {rng.choice(("model.gguf", names(count)[1])): part.to_bytes()}


def claims_parts(rng):
    """A whole model that says it has parts, under a name without numbers."""
    name, document = any_base(rng)
    document = document.setting("split.no", Typed(writer.UINT16, 0))
    count = rng.choice((0, 1, 2, 3, 65535))
    return name, {"model.gguf": document.setting("split.count", Typed(writer.UINT16, count)).to_bytes()}


def no_model(rng):
    """Projectors, adapters, importance matrices, vocabularies and drafts, named as if they were models."""
    name, document = any_base(rng)
    architecture = document.get("general.architecture")
    kind = rng.randrange(8)
    if kind == 0:
        document = document.setting(
            "general.type", rng.choice(("mmproj", "adapter", "imatrix", "vocab", "dataset", ""))
        )
    elif kind == 1:
        document = _projector(document)
    elif kind == 2:
        document = _adapter(document, architecture, rng.random() < 0.5)
    elif kind == 3:
        document = document.with_(tensors=())
    elif kind == 4:
        document = document.with_(tensors=document.tensors[-4:])
    elif kind == 5:  # a draft of several tokens at once: only its own layers
        text = architecture.decode() if isinstance(architecture, bytes) else architecture
        document = document.setting(
            f"{text}.nextn_predict_layers", rng.choice((1, 2, document.get(f"{text}.block_count")))
        )
    elif kind == 6:
        document = _imatrix(document)
    else:
        document = document.setting(
            "general.architecture", rng.choice(("clip", "eagle3", "dflash", "gemma4-assistant", "qwen3-vl-mtp"))
        )
    return name, {"model.gguf": document.to_bytes()}


def _projector(document):
    keys = {
        "general.architecture": "clip", "general.type": "mmproj", "clip.has_vision_encoder": True,
        "clip.projector_type": "mlp", "clip.vision.block_count": 2, "clip.vision.embedding_length": 64,
    }  # fmt: skip
    return document.with_(pairs=tuple((key.encode(), typed(item)) for key, item in keys.items()))


def _adapter(document, architecture, honest):
    keys = {"general.architecture": architecture, "adapter.type": "lora", "adapter.lora.alpha": 8.0}
    keys |= {"general.type": "adapter"} if honest else {}
    tensors = tuple(
        replace(tensor, name=tensor.name + suffix) for tensor in document.tensors[-4:] for suffix in (b".lora_a", b".lora_b")  # noqa: E501
    )  # fmt: skip
    return Document(tuple((key.encode(), typed(item)) for key, item in keys.items()), tensors)


def _imatrix(document):
    keys = {"general.type": "imatrix", "imatrix.chunk_count": 10, "imatrix.chunk_size": 512}
    tensors = tuple(replace(tensor, name=tensor.name + b".in_sum2") for tensor in document.tensors[:4])
    return Document(tuple((key.encode(), typed(item)) for key, item in keys.items()), tensors)


KINDS = (
    wrong_numbers, wrong_numbers, foreign_part, missing_part, doubled_part, cut_part, damaged_part, later_part_alone,
    claims_parts,
)  # fmt: skip
NO_MODELS = (no_model,)
