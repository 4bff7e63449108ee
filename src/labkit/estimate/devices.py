"""What each device holds when the layers of a model are dealt out: weights, cache, and the buffer of the largest graph.

Which layer goes where is llama.cpp's rule (src/llama-model.cpp, load_tensors): the last `n_gpu_layers` go to devices in
their order, the head counts as the layer behind the last, KV cells and recurrent state lie with their layer, and the
input embedding stays in system memory. The buffers are held against its own sizing by benchmarks/placement_vs_fit.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from labkit.estimate.memory import (
    ContextSettings,
    cache_bytes_by_layer,
    mask_bytes,
    output_bytes,
    per_layer_input_bytes,
)
from labkit.gguf import LayerWeights, WeightsByLayer
from labkit.model import ModelArchitecture

Overflow = Literal["experts", "attention", "up", "gate"]
"""What of its first partial layer a device keeps: all but the experts, attention alone, also the up projections, also
the gates. Every further partial layer keeps all but the experts."""
ROWS_BESIDE_LOGITS = {"phi3": 3, "gemma4": 2, "gpt-oss": 2, "deepseek2": 6, "granitehybrid": 3}
PIPELINE_COPIES = 4  # GGML_SCHED_MAX_COPIES: inputs are kept so often when several devices take turns


@dataclass(frozen=True, slots=True)
class DeviceShare:
    """Layers of one device, the partial ones behind the whole ones.

    Attributes:
        num_layers: all of them; of the last device with any, the head is one.
        num_partial: how many of them leave parts elsewhere.
        overflows_to_next: what the first partial layer leaves goes to the next device, not to system memory.
    """

    num_layers: int
    num_partial: int = 0
    overflow: Overflow = "experts"
    overflows_to_next: bool = False

    @property
    def num_full(self) -> int:
        """Layers that are there as a whole."""
        return self.num_layers - self.num_partial


@dataclass(frozen=True, slots=True)
class LayerSplit:
    """How layers are dealt out to devices.

    Attributes:
        experts_in_ram: all layers are on devices, by their free memory, and no experts.
    """

    shares: tuple[DeviceShare, ...]
    experts_in_ram: bool = False

    @property
    def gpu_layers(self) -> int:
        """Layers on devices, the head counted as one (`n_gpu_layers`)."""
        return sum(share.num_layers for share in self.shares)


@dataclass(frozen=True, slots=True)
class DeviceBytes:
    """What one device, or system memory, holds."""

    weight_bytes: int = 0
    cache_bytes: int = 0
    compute_bytes: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weight_bytes + self.cache_bytes + self.compute_bytes


@dataclass(frozen=True, slots=True)
class DealtModel:
    """A model by layers; `weights.layers` has as many entries as the architecture has layers."""

    architecture: ModelArchitecture
    weights: WeightsByLayer

    def sizes(
        self, context: ContextSettings, split: LayerSplit | None, free_bytes: Sequence[int]
    ) -> tuple[tuple[DeviceBytes, ...], DeviceBytes]:
        """What each device holds, and system memory. Pure. Needs a shape without missing facts."""
        places = self._places(split, free_bytes)
        weights = self._weight_bytes(places, split, len(free_bytes))
        cache = cache_bytes_by_layer(self.architecture.layers or (), context)
        head = places[-1]
        pipelined = head is not None and None not in places and len(set(places)) > 1 and _is_whole(split)
        devices = tuple(
            DeviceBytes(
                weights[device],
                round(sum(size for size, place in zip(cache, places, strict=False) if place == device)),
                self._compute_bytes(context, device, places, pipelined=pipelined) if device in places else 0,
            )
            for device in range(len(free_bytes))
        )
        in_ram = round(sum(size for size, place in zip(cache, places, strict=False) if place is None))
        return devices, DeviceBytes(weights[-1], in_ram, self._host_compute_bytes(context, places, split))

    def _places(self, split: LayerSplit | None, free_bytes: Sequence[int]) -> list[int | None]:
        """The device of each layer, the head last; None is system memory."""
        count = len(self.weights.layers) + 1
        if not free_bytes:
            return [None] * count
        if split is None or split.experts_in_ram:
            shares, on_devices = list(free_bytes), count
        else:
            shares, on_devices = [share.num_layers for share in split.shares], min(split.gpu_layers, count)
        total, ends, seen = sum(shares), [], 0
        for share in shares:
            seen += share
            ends.append(seen / total if total else 0.0)
        first = count - on_devices
        return [None if i < first else _device_at((i - first) / on_devices, ends) for i in range(count)]

    def _weight_bytes(self, places: list[int | None], split: LayerSplit | None, num_devices: int) -> list[int]:
        """By device, system memory last."""
        found = [0] * (num_devices + 1)
        found[-1] += self.weights.input_bytes
        moved = self._moved(split, len(places))
        for number, layer in enumerate(self.weights.layers):
            home = num_devices if (place := places[number]) is None else place
            size, target = moved.get(number, (0, num_devices))
            found[home] += layer.total_bytes - size
            found[target] += size
        found[num_devices if places[-1] is None else places[-1]] += self.weights.head_bytes
        return found

    def _moved(self, split: LayerSplit | None, count: int) -> dict[int, tuple[int, int]]:
        """Bytes that a layer leaves elsewhere, and the device they go to; -1 is system memory."""
        if split is None:
            return {}
        layers = self.weights.layers
        if split.experts_in_ram:
            return {number: (layer.expert_bytes, -1) for number, layer in enumerate(layers)}
        # Layers that are not loaded count when layers are dealt out, and not when tensors to move are named.
        moved, number = {}, count - self.weights.num_unused - split.gpu_layers
        for device, share in enumerate(split.shares):
            number += share.num_full
            for offset in range(share.num_partial):
                if 0 <= number + offset < len(layers):
                    what = share.overflow if not offset else "experts"
                    target = device + 1 if share.overflows_to_next and not offset else -1
                    moved[number + offset] = (_left_out(layers[number + offset], what), target)
            number += share.num_partial
        return moved

    def _compute_bytes(
        self, context: ContextSettings, device: int, places: list[int | None], *, pipelined: bool
    ) -> int:
        """The buffer of one device: the larger of the phase of the logits, where the head is, and of one layer."""
        shape, ubatch = self.architecture, context.ubatch_tokens
        hidden, mask = shape.hidden_size or 0, mask_bytes(shape.layers or (), context)
        row = hidden * ubatch * 4
        logits = 0
        if places[-1] == device:
            outputs = min(ubatch, context.num_outputs or ubatch)
            logits = (shape.vocab_size or 0) * outputs * 4 + row * _rows_held(shape)
            logits += self._beside_logits(context, mask, whole=places[0] == device)
        layer = activation_bytes(shape, context)
        if places[0] == device and _rows_held(shape) == 1:
            layer += (shape.num_heads or 0) * (shape.head_dim or 0) * ubatch * 4
        has_layer = device in places[:-1]
        copies = 0
        if pipelined:
            # Inputs several times over, and what comes from the device before.
            copies = PIPELINE_COPIES * (mask + row) + (PIPELINE_COPIES * row if places[0] != device else 0)
        else:
            layer += mask
        return max(logits, layer if has_layer else 0) + copies

    def _beside_logits(self, context: ContextSettings, mask: int, *, whole: bool) -> int:
        """What lies in front of the logits in a gap too small for anything else: masks shorter than a row.

        With per-layer embeddings those and the masks stay until the end where all layers are on the device.
        """
        shape = self.architecture
        if shape.per_layer_embedding_size:
            return mask + per_layer_input_bytes(shape, context) if whole else 0
        row = (shape.hidden_size or 0) * context.ubatch_tokens * 4
        keeps = shape.architecture in {"phi3", "gemma4"} or (whole and _rows_held(shape) > 1)
        return mask if keeps and mask < row else 0

    def _host_compute_bytes(self, context: ContextSettings, places: list[int | None], split: LayerSplit | None) -> int:
        """Inputs always; a layer's activations where a layer is computed; and the rows of logits."""
        shape = self.architecture
        inputs = mask_bytes(shape.layers or (), context) + 2 * (shape.hidden_size or 0) * context.ubatch_tokens * 4
        inputs += per_layer_input_bytes(shape, context)
        if None in places or not _is_whole(split):
            inputs += activation_bytes(shape, context)
        return inputs + output_bytes(shape, context)


def pipeline_bytes(shape: ModelArchitecture, context: ContextSettings) -> int:
    """What each of several devices holds besides, so that they can take turns with micro-batches: an upper bound."""
    row = (shape.hidden_size or 0) * context.ubatch_tokens * 4
    return PIPELINE_COPIES * (mask_bytes(shape.layers or (), context) + per_layer_input_bytes(shape, context) + 2 * row)


def activation_bytes(shape: ModelArchitecture, context: ContextSettings) -> int:
    """What one layer computes at once for a micro-batch, without the mask."""
    hidden = shape.hidden_size or 0
    elements = 3 * (shape.ffn_size or 0) + 2 * hidden
    if experts := shape.experts:
        routed = experts.num_used * (2 * (experts.expert_ffn_size or 0) + 2 * hidden)
        elements = max(elements if not experts.expert_ffn_size else 0, routed)
    return elements * context.ubatch_tokens * 4


def _rows_held(shape: ModelArchitecture) -> int:
    """Rows of hidden size that lie beside the logits, as llama.cpp's allocator places them: measured."""
    if shape.architecture in ROWS_BESIDE_LOGITS:
        return ROWS_BESIDE_LOGITS[shape.architecture]
    return 2 if any(layer.state_size for layer in shape.layers or ()) else 1


def _is_whole(split: LayerSplit | None) -> bool:
    return split is None or not (split.experts_in_ram or any(share.num_partial for share in split.shares))


def _device_at(position: float, ends: Sequence[float]) -> int:
    return next((device for device, end in enumerate(ends) if position < end), len(ends) - 1)


def _left_out(layer: LayerWeights, overflow: Overflow) -> int:
    """Bytes of a layer that do not stay with it."""
    return {
        "experts": layer.expert_bytes,
        "attention": layer.ffn_bytes,
        "up": layer.gate_and_down_bytes,
        "gate": layer.down_bytes,
    }[overflow]
