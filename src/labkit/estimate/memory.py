"""Memory of a context: KV cache and recurrent state as llama.cpp allocates them, compute buffer as a bound.

The rules follow llama.cpp (src/llama-kv-cache*.cpp, src/llama-memory-recurrent.cpp, vendored in llama-cpp-python
0.3.36) and are held against its own accounting, row by row, in tests/data/estimator_golden.json.
"""

from dataclasses import dataclass
from typing import Literal

from labkit.model import LayerMemory, ModelArchitecture
from labkit.units import MIB

KvType = Literal["f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]

# Bytes of one element: block bytes over block size.
KV_BYTES: dict[KvType, float] = {
    "f16": 2.0, "q8_0": 34 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32, "q4_1": 20 / 32, "q4_0": 18 / 32,
}  # fmt: skip
CELL_PADDING = 256
STATE_BYTES = 4  # recurrent state is f32 whatever the cache type
RECURRENT_ROWS = 16  # of the hidden size, in a layer of Mamba: its inner size is twice as wide
SAFETY_FACTOR = 1.05
SAFETY_BYTES = 8 * MIB


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """How a context is made.

    Attributes:
        context_tokens: cells of the whole context (`n_ctx`).
        num_sequences: sequences that may run at once (`n_seq_max`).
        unified: all sequences share the cells (`kv_unified`); else each has its part.
        kv_type, value_type: how K, and V, are stored; V is stored as K is where `value_type` is None, and as f16
            without flash attention.
        full_window_cache: sliding-window layers keep the whole context (`swa_full`).
        num_outputs: most positions of one micro-batch that need logits; None for all of them.
    """

    context_tokens: int
    num_sequences: int = 1
    ubatch_tokens: int = 512
    flash_attention: bool = True
    kv_type: KvType = "f16"
    unified: bool = False
    full_window_cache: bool = False
    num_outputs: int | None = None
    value_type: KvType | None = None

    @property
    def values_as(self) -> KvType:
        """How V is stored."""
        return (self.value_type or self.kv_type) if self.flash_attention else "f16"


def cache_bytes(layers: tuple[LayerMemory, ...], context: ContextSettings) -> int:
    """KV cache and recurrent state in bytes, over all layers and sequences."""
    return round(sum(cache_bytes_by_layer(layers, context)))


def cache_bytes_by_layer(layers: tuple[LayerMemory, ...], context: ContextSettings) -> tuple[float, ...]:
    """KV cache and recurrent state of each layer, which lies where the layer lies."""
    cells, streams = _cells(context)
    widest_value = max((layer.value_size for layer in layers), default=0)
    found = []
    for layer in layers:
        size = float(layer.state_size * STATE_BYTES * context.num_sequences)
        if layer.key_size:
            value_size = layer.value_size if context.flash_attention or not layer.value_size else widest_value
            per_cell = layer.key_size * KV_BYTES[context.kv_type] + value_size * KV_BYTES[context.values_as]
            size += _layer_cells(layer, cells, context) * streams * per_cell
        found.append(size)
    return tuple(found)


def compute_bytes(
    architecture: ModelArchitecture, context: ContextSettings, *, on_accelerator: bool = False
) -> int | None:
    """An upper bound of the compute buffer of one device that holds the whole model; None for an unknown shape.

    Fitted bound: the larger of the phase that makes logits and the phase of one layer, 5 % and 8 MiB more.
    """
    hidden, vocabulary = architecture.hidden_size, architecture.vocab_size
    if missing_facts(architecture) or not hidden or not vocabulary or architecture.layers is None:
        return None
    heads, head_dim = architecture.num_heads or 0, architecture.head_dim or 0
    ubatch = context.ubatch_tokens
    widest = max(hidden, heads * head_dim)
    outputs = min(ubatch, context.num_outputs or ubatch)
    cells, streams = _cells(context)
    mask = mask_bytes(architecture.layers, context) + per_layer_input_bytes(architecture, context)
    logits = (vocabulary * outputs + 3 * widest * ubatch) * 4 + mask
    layer = mask + _activation_elements(architecture, hidden, context) * ubatch * 4
    layer += _gathered_state_bytes(architecture.layers, context)
    scores = 0
    if not context.flash_attention:
        scores = heads * cells * ubatch * 4 + mask + 6 * widest * ubatch * 4
        scores += _unpacked_value_bytes(architecture.layers, cells * streams, context)
    highest = max(logits, layer, scores)
    if context.values_as != context.kv_type and context.flash_attention:
        highest = logits + layer  # the allocator may find no gap for the logits: seen with LFM2
    if on_accelerator and architecture.architecture == "granitehybrid":
        highest = max(highest, logits + layer // 2)  # the logits find no gap there either: measured
    return round(SAFETY_FACTOR * highest) + SAFETY_BYTES


def loses_flash_attention(architecture: ModelArchitecture) -> bool:
    """Whether llama.cpp turns flash attention off by itself when layers of such a model lie in two memories.

    Its check (resolve_fused_ops in src/llama-context.cpp) wants each layer's attention where the layer is. Layers that
    borrow a cache compute where that lies, and LFM2's are numbered past their device. The scores are then made whole.
    """
    if architecture.architecture == "lfm2":
        return True
    empty = any(layer == LayerMemory() for layer in architecture.layers or ())
    return empty and architecture.architecture in {"gemma3n", "gemma4"}


def output_bytes(architecture: ModelArchitecture, context: ContextSettings) -> int:
    """Rows of logits in system memory: one for each sequence, and for each position that wants some."""
    rows = max(context.num_sequences, context.num_outputs or 0)
    return rows * (architecture.vocab_size or 0) * 4


def missing_facts(architecture: ModelArchitecture) -> str:
    """Why `cache_bytes` or `compute_bytes` cannot be had for this shape; empty when they can."""
    if architecture.layers is None:
        return architecture.layers_unknown or "what its layers remember is not known"
    sizes = {"hidden size": architecture.hidden_size, "vocabulary size": architecture.vocab_size}
    if not _is_recurrent(architecture.layers):
        sizes |= {"attention heads": architecture.num_heads, "head size": architecture.head_dim}
    missing = " and ".join(name for name, size in sizes.items() if not size)
    return f"its {missing} is not known" if missing else ""


def _is_recurrent(layers: tuple[LayerMemory, ...]) -> bool:
    """Whether no layer attends."""
    return any(layer.state_size for layer in layers) and not any(layer.key_size for layer in layers)


def _padded(num_cells: int) -> int:
    return -(-num_cells // CELL_PADDING) * CELL_PADDING


def _cells(context: ContextSettings) -> tuple[int, int]:
    """Cells of one stream, and the number of streams."""
    total = _padded(context.context_tokens)
    if context.unified:
        return total, 1
    return _padded(total // context.num_sequences), context.num_sequences


def _layer_cells(layer: LayerMemory, cells: int, context: ContextSettings) -> int:
    if layer.window_tokens is None or context.full_window_cache:
        return cells
    sequences = context.num_sequences if context.unified else 1
    return _padded(min(cells, layer.window_tokens * sequences + context.ubatch_tokens))


def mask_bytes(layers: tuple[LayerMemory, ...], context: ContextSettings) -> int:
    """Attention masks of one micro-batch: over the whole context, and over the window where there is one."""
    cells, _ = _cells(context)
    windows = [layer for layer in layers if layer.window_tokens is not None]
    in_window = max((_layer_cells(layer, cells, context) for layer in windows), default=0)
    return (cells + in_window) * context.ubatch_tokens * (2 if context.flash_attention else 4)


def per_layer_input_bytes(architecture: ModelArchitecture, context: ContextSettings) -> int:
    """Rows of the per-layer embedding table for all layers of one micro-batch (src/models/gemma4.cpp)."""
    width = (architecture.per_layer_embedding_size or 0) * (architecture.num_layers or 0)
    return width * context.ubatch_tokens * 4


def _gathered_state_bytes(layers: tuple[LayerMemory, ...], context: ContextSettings) -> int:
    """The states of all sequences of one layer, gathered to be computed on (build_rs in src/llama-graph.cpp)."""
    return max((layer.state_size for layer in layers), default=0) * STATE_BYTES * context.num_sequences


def _unpacked_value_bytes(layers: tuple[LayerMemory, ...], cells: int, context: ContextSettings) -> int:
    """Latent attention without flash attention copies the cache of a layer to multiply by it transposed.

    build_attn_mha in src/llama-graph.cpp: V is a view of K there, and is made contiguous.
    """
    compressed = max((layer.key_size for layer in layers if not layer.value_size), default=0)
    return cells * compressed * (2 if context.kv_type == "f16" else 4)


def _activation_elements(architecture: ModelArchitecture, hidden: int, context: ContextSettings) -> int:
    """f32 elements per token that one layer holds at once. The multiples of the hidden size were fitted."""
    layers = architecture.layers or ()
    if _is_recurrent(layers):
        return RECURRENT_ROWS * hidden
    rows = 4 if context.flash_attention else 6
    if any(layer.window_tokens is not None or (layer.key_size and not layer.value_size) for layer in layers):
        rows += 1
    dense = 3 * (architecture.ffn_size or 0) + rows * hidden
    experts = architecture.experts
    if experts is None:
        return dense
    routed = 2 * experts.num_used * (experts.expert_ffn_size or 0) + 2 * experts.num_used * hidden + 4 * hidden
    return max(dense, routed)
