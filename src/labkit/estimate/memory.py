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
SAFETY_FACTOR = 1.05
SAFETY_BYTES = 8 * MIB


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """How a context is made.

    Attributes:
        context_tokens: cells of the whole context (`n_ctx`).
        num_sequences: sequences that may run at once (`n_seq_max`).
        unified: all sequences share the cells (`kv_unified`); else each has its part.
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


def cache_bytes(layers: tuple[LayerMemory, ...], context: ContextSettings) -> int:
    """KV cache and recurrent state in bytes, over all layers and sequences."""
    cells, streams = _cells(context)
    widest_value = max((layer.value_size for layer in layers), default=0)
    total = 0.0
    for layer in layers:
        if layer.key_size:
            value_size = layer.value_size if context.flash_attention or not layer.value_size else widest_value
            value_bytes = KV_BYTES[context.kv_type] if context.flash_attention else KV_BYTES["f16"]
            per_cell = layer.key_size * KV_BYTES[context.kv_type] + value_size * value_bytes
            total += _layer_cells(layer, cells, context) * streams * per_cell
        total += layer.state_size * STATE_BYTES * context.num_sequences
    return round(total)


def compute_bytes(architecture: ModelArchitecture, context: ContextSettings) -> int | None:
    """An upper bound of the compute buffer of one device that holds the whole model; None for an unknown shape.

    Fitted bound: the larger of the phase that makes logits and the phase of one layer, 5 % and 8 MiB more.
    """
    hidden, heads, vocabulary = architecture.hidden_size, architecture.num_heads, architecture.vocab_size
    if not hidden or not heads or not architecture.head_dim or not vocabulary or architecture.layers is None:
        return None
    ubatch = context.ubatch_tokens
    widest = max(hidden, heads * architecture.head_dim)
    outputs = min(ubatch, context.num_outputs or ubatch)
    cells, _ = _cells(context)
    mask = _mask_bytes(architecture.layers, cells, context)
    logits = (vocabulary * outputs + 3 * widest * ubatch) * 4 + mask
    if context.flash_attention:
        layer = mask + _activation_elements(architecture, hidden) * ubatch * 4
    else:
        layer = heads * cells * ubatch * 4 + mask + 6 * widest * ubatch * 4
    return round(SAFETY_FACTOR * max(logits, layer)) + SAFETY_BYTES


def output_bytes(architecture: ModelArchitecture, context: ContextSettings) -> int:
    """Rows of logits in system memory: one for each sequence, and for each position that wants some."""
    rows = max(context.num_sequences, context.num_outputs or 0)
    return rows * (architecture.vocab_size or 0) * 4


def missing_facts(architecture: ModelArchitecture) -> str:
    """Why `cache_bytes` or `compute_bytes` cannot be had for this shape; empty when they can."""
    if architecture.layers is None:
        return architecture.layers_unknown or "what its layers remember is not known"
    sizes = {
        "hidden size": architecture.hidden_size, "attention heads": architecture.num_heads,
        "head size": architecture.head_dim, "vocabulary size": architecture.vocab_size,
    }  # fmt: skip
    missing = " and ".join(name for name, size in sizes.items() if not size)
    return f"its {missing} is not known" if missing else ""


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


def _mask_bytes(layers: tuple[LayerMemory, ...], cells: int, context: ContextSettings) -> int:
    windows = [layer for layer in layers if layer.window_tokens is not None]
    in_window = max((_layer_cells(layer, cells, context) for layer in windows), default=0)
    return (cells + in_window) * context.ubatch_tokens * (2 if context.flash_attention else 4)


def _activation_elements(architecture: ModelArchitecture, hidden: int) -> int:
    """f32 elements per token that one layer holds at once."""
    dense = 3 * (architecture.ffn_size or 0) + 4 * hidden
    experts = architecture.experts
    if experts is None:
        return dense
    routed = 2 * experts.num_used * (experts.expert_ffn_size or 0) + 2 * experts.num_used * hidden + 4 * hidden
    return max(dense, routed)
