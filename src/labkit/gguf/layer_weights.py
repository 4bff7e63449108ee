"""Bytes of a file's tensors by the layer they belong to: what llama.cpp puts on one device or another.

llama.cpp assigns whole layers; the head counts as the layer behind the last, the input embedding never leaves system
memory (src/llama-model.cpp, load_tensors). Parts of a layer are told apart by the tensors' names.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from labkit.gguf.header import TensorInfo

_IN_LAYER = re.compile(r"blk\.(\d+)\.(.+)")
_EXPERTS = re.compile(r"ffn_(up|down|gate_up|gate)_(ch|)exps")
# What common/fit.cpp moves out of a layer that does not fit as a whole, the most first.
_FEED_FORWARD = re.compile(r"ffn_(gate|up|gate_up|down).*")
_GATE_AND_DOWN = re.compile(r"ffn_(gate|gate_up|down).*")
_DOWN = re.compile(r"ffn_down.*")
_INPUT = {"token_embd.weight", "per_layer_token_embd.weight", "position_embd.weight", "token_types.weight"}
_OF_FIRST_LAYER = ("per_layer_model_proj.", "per_layer_proj_norm.")  # of no layer by name, and placed with the first


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """Bytes of one layer.

    Attributes:
        total_bytes: all of it.
        expert_bytes: its experts.
        ffn_bytes: the feed-forward block, its router and its experts.
        gate_and_down_bytes: of that, all but the up projections.
        down_bytes: of that, the down projections alone.
    """

    total_bytes: int
    expert_bytes: int = 0
    ffn_bytes: int = 0
    gate_and_down_bytes: int = 0
    down_bytes: int = 0


@dataclass(frozen=True, slots=True)
class WeightsByLayer:
    """Bytes of a model by place.

    Attributes:
        input_bytes: embeddings; always in system memory.
        head_bytes: output projection and last norm; a tied head is a copy of the embedding.
        layers: in order; those that are not loaded are empty.
        num_unused: how many these are, the last ones.
    """

    input_bytes: int
    head_bytes: int
    layers: tuple[LayerWeights, ...]
    num_unused: int = 0


def weights_by_layer(tensors: Iterable[TensorInfo], num_layers: int, num_unused: int = 0) -> WeightsByLayer:
    """Sum the tensors of a model of `num_layers`, of which the last `num_unused` are not loaded. Pure."""
    ends = {"input": 0, "head": 0, "embedding": 0}
    found: list[list[tuple[str, int]]] = [[] for _ in range(num_layers)]
    has_head = False
    for tensor in tensors:
        match = _IN_LAYER.match(tensor.name)
        if match:
            if int(match[1]) < num_layers - num_unused:
                found[int(match[1])].append((match[2], tensor.num_bytes))
            continue
        if tensor.name.startswith(_OF_FIRST_LAYER) and found:
            found[0].append((tensor.name, tensor.num_bytes))
        else:
            ends["input" if tensor.name in _INPUT else "head"] += tensor.num_bytes
        has_head |= tensor.name == "output.weight"
        if tensor.name == "token_embd.weight":
            ends["embedding"] = tensor.num_bytes
    head = ends["head"] + (0 if has_head else ends["embedding"])
    return WeightsByLayer(ends["input"], head, tuple(_layer(parts) for parts in found), num_unused)


def _layer(parts: list[tuple[str, int]]) -> LayerWeights:
    def matching(pattern: re.Pattern[str]) -> int:
        return sum(size for name, size in parts if pattern.match(name))

    return LayerWeights(
        total_bytes=sum(size for _, size in parts),
        expert_bytes=matching(_EXPERTS),
        ffn_bytes=matching(_FEED_FORWARD),
        gate_and_down_bytes=matching(_GATE_AND_DOWN),
        down_bytes=matching(_DOWN),
    )
