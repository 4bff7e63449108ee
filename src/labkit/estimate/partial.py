"""How much of a model stays on an accelerator when not all of it fits: layers, or all but the experts of some layers.

Layers are whole, as llama.cpp deals them out (`labkit.estimate.devices`); sizes are upper bounds, and what is left for
system memory is counted there. The decision that llama.cpp itself would take is in `labkit.estimate.fit`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.estimate.devices import DealtModel
from labkit.estimate.memory import ContextSettings, KvType, cache_bytes_by_layer
from labkit.estimate.weights import Weights
from labkit.gguf import LayerWeights, WeightsByLayer
from labkit.model import ModelArchitecture

ALL_LAYERS = -1


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """What an engine must be told to place a model like this.

    Attributes:
        context_tokens, kv_type: of the context (`n_ctx`, `type_k` and `type_v`).
        gpu_layers: the last so many layers, the head counted as one (`n_gpu_layers`); -1 for all, 0 for none.
        expert_layers_in_ram: the first so many layers leave their experts in system memory (`--n-cpu-moe`).
        tensor_split: shares of several unlike devices, in their order; () for one, or for equal ones.
    """

    context_tokens: int
    kv_type: KvType
    gpu_layers: int = ALL_LAYERS
    expert_layers_in_ram: int = 0
    tensor_split: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a model on an accelerator.

    Attributes:
        num: layers on the device, the head counted as one; or layers whose experts are not there.
        device_bytes: weights and cache there.
        ram_bytes: weights and cache in system memory.
        cache_bytes: of `device_bytes`, the cache.
    """

    num: int
    device_bytes: int
    ram_bytes: int
    cache_bytes: int


def layers_of(architecture: ModelArchitecture, weights: Weights) -> WeightsByLayer:
    """Weights by layer: exact from a file, else the upper size spread evenly over the layers. Pure."""
    if weights.by_layer is not None:
        return weights.by_layer
    count = max(architecture.num_layers or 1, 1)
    size = weights.size_bytes[1]
    head = weights.head_bytes
    experts = weights.expert_bytes // count
    each = max(size - weights.host_bytes - head, 0) // count
    return WeightsByLayer(weights.host_bytes, head, (LayerWeights(max(each, experts), experts),) * count)


def most_layers(architecture: ModelArchitecture, weights: WeightsByLayer, context: ContextSettings, room: int) -> Part:
    """The most layers, counted from the back and the head first, whose weights and cache fit into `room`. Pure."""
    cache = cache_bytes_by_layer(architecture.layers or (), context)
    layers = [layer.total_bytes for layer in weights.layers]
    parts = [(weights.head_bytes, 0.0), *zip(reversed(layers), reversed(cache), strict=False)]
    taken, held, held_cache = 0, 0.0, 0.0
    for weight, cells in parts:
        if held + weight + cells > room:
            break
        taken, held, held_cache = taken + 1, held + weight + cells, held_cache + cells
    everything = weights.input_bytes + sum(weight + cells for weight, cells in parts)
    return Part(taken, round(held), round(everything - held), round(held_cache))


def fewest_experts_in_ram(
    architecture: ModelArchitecture, weights: WeightsByLayer, context: ContextSettings, room: int
) -> Part | None:
    """The fewest layers, from the first, that leave their experts in system memory so that the rest fits. Pure.

    Prompts are computed on the accelerator, so the experts of one layer are copied there while they are. None when
    not even the rest fits.
    """
    cache = round(sum(cache_bytes_by_layer(architecture.layers or (), context)))
    held = weights.head_bytes + sum(layer.total_bytes for layer in weights.layers) + cache
    copied = max((layer.expert_bytes for layer in weights.layers), default=0)
    moved = 0
    for number, layer in enumerate(weights.layers, start=1):
        moved += layer.expert_bytes
        if layer.expert_bytes and held - moved + copied <= room:
            return Part(number, held - moved + copied, weights.input_bytes + moved, cache)
    return None


def spread(
    architecture: ModelArchitecture,
    weights: WeightsByLayer,
    context: ContextSettings,
    free_bytes: Sequence[int],
    rooms: Sequence[int],
) -> tuple[int, ...] | None:
    """Bytes on each of several unlike devices when all layers are dealt out by free memory, as llama.cpp does.

    `rooms` is what each has for weights and cache. None when one of them has too little. Pure.
    """
    devices, _ = DealtModel(architecture, weights).sizes(context, None, free_bytes)
    held = tuple(device.weight_bytes + device.cache_bytes for device in devices)
    return held if all(size <= room for size, room in zip(held, rooms, strict=True)) else None
