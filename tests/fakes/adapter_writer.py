"""Writes LoRA adapters for tests: llama.cpp's GGUF form, with random weights."""

import numpy as np

from fakes import gguf_writer
from labkit.gguf import read_header


def write_adapter(path, base, names, *, rank=4, seed=0, scale=0.3, alpha=None, metadata=None, tensors=None):
    """An adapter for `names` of the model at `base`. `metadata` and `tensors` change what is written."""
    rng = np.random.default_rng(seed)
    header = read_header(base)
    shapes = {tensor.name: tensor.dimensions for tensor in header.tensors}
    keys = {
        "general.type": "adapter",
        "general.architecture": header.text("general.architecture"),
        "adapter.type": "lora",
        "adapter.lora.alpha": float(alpha if alpha is not None else rank),
        **(metadata or {}),
    }
    infos = {}
    for name in names:
        inside, outside = shapes[name][:2]
        infos[f"{name}.lora_a"] = ((inside, rank), gguf_writer.F32)
        infos[f"{name}.lora_b"] = ((rank, outside), gguf_writer.F32)
    infos.update(tensors or {})
    infos = {name: info for name, info in infos.items() if info is not None}
    gguf_writer.write(path, {key: value for key, value in keys.items() if value is not None}, infos)
    written = read_header(path)
    with path.open("r+b") as file:
        for tensor in written.tensors:
            file.seek(written.data_offset + tensor.offset)
            weights = rng.standard_normal(tensor.num_bytes // 4).astype(np.float32) * scale
            file.write(weights.tobytes())
    return path
