"""Gemma 4: global layers of other sizes, borrowed caches, per-layer embeddings, experts beside a dense block.

Attention scores are not divided by anything, so the norms of the heads are small: sqrt(2) / d^(1/4) each gives scores
a deviation of 2.
"""

import math

import numpy as np

from labkit.engine.synthetic.container import Value
from labkit.engine.synthetic.shape import ExpertShape, SyntheticShape
from labkit.engine.synthetic.tensors import Part, TensorPlan, matrix, norm

SCORE_DEVIATION = 2.0
ROPE_BASE_IN_WINDOW = 10000.0


def gemma4_ends(shape: SyntheticShape) -> Part:
    """Tensors of the whole model, beside embedding and final norm."""
    extra, hidden = shape.required_gemma4, shape.hidden_size
    yield TensorPlan("rope_freqs.weight", (extra.head_dim_global // 2,), 1.0, 0.0)
    if size := extra.per_layer_embedding_size:
        width = size * shape.num_layers
        yield TensorPlan("per_layer_token_embd.weight", (width, shape.vocab_size), 0.0, 1 / math.sqrt(size))
        yield matrix("per_layer_model_proj", hidden, width)
        yield norm("per_layer_proj_norm", size)


def gemma4_layer(shape: SyntheticShape, layer: int) -> Part:
    """One layer."""
    extra, hidden = shape.required_gemma4, shape.hidden_size
    yield norm("attn_norm", hidden)
    yield from _attention(shape, layer)
    yield norm("post_attention_norm", hidden)
    yield TensorPlan("layer_output_scale.weight", (1,), 1.0, 0.05)
    inner = _ffn_size(shape, layer)
    yield norm("ffn_norm", hidden)
    yield matrix("ffn_gate", hidden, inner)
    yield matrix("ffn_up", hidden, inner)
    yield matrix("ffn_down", inner, hidden)
    yield norm("post_ffw_norm", hidden)
    if shape.experts:
        yield from _experts(shape, shape.experts)
    if size := extra.per_layer_embedding_size:
        yield matrix("inp_gate", hidden, size)
        yield matrix("proj", size, hidden)
        yield norm("post_norm", hidden)


def gemma4_keys(shape: SyntheticShape) -> dict[str, Value]:
    """Keys that describe what differs from layer to layer."""
    extra, layers = shape.required_gemma4, range(shape.num_layers)
    heads = [extra.num_kv_heads_global if shape.sees_everything(layer) else shape.num_kv_heads for layer in layers]
    return {
        "attention.head_count_kv": np.array(heads, np.int32),
        "attention.sliding_window_pattern": np.array([not shape.sees_everything(layer) for layer in layers]),
        "attention.shared_kv_layers": extra.shared_kv_layers,
        "attention.key_length": extra.head_dim_global,
        "attention.value_length": extra.head_dim_global,
        "attention.key_length_swa": shape.head_dim,
        "attention.value_length_swa": shape.head_dim,
        "rope.dimension_count": extra.head_dim_global,
        "rope.dimension_count_swa": shape.head_dim,
        "rope.freq_base_swa": ROPE_BASE_IN_WINDOW,
        "embedding_length_per_layer_input": extra.per_layer_embedding_size,
        "feed_forward_length": np.array([_ffn_size(shape, layer) for layer in layers], np.int32),
    }


def _borrows(shape: SyntheticShape, layer: int) -> bool:
    return layer >= shape.num_layers - shape.required_gemma4.shared_kv_layers


def _ffn_size(shape: SyntheticShape, layer: int) -> int:
    wide = shape.required_gemma4.wide_borrowers and _borrows(shape, layer)
    return shape.ffn_size * (2 if wide else 1)


def _attention(shape: SyntheticShape, layer: int) -> Part:
    extra, hidden, everything = shape.required_gemma4, shape.hidden_size, shape.sees_everything(layer)
    size = extra.head_dim_global if everything else shape.head_dim
    queries = shape.num_heads * size
    keys = size * (extra.num_kv_heads_global if everything else shape.num_kv_heads)
    gain = math.sqrt(SCORE_DEVIATION) / size**0.25
    yield matrix("attn_q", hidden, queries)
    yield norm("attn_q_norm", size, gain)
    if not _borrows(shape, layer):
        yield matrix("attn_k", hidden, keys)
        yield norm("attn_k_norm", size, gain)
        if not everything or extra.per_layer_embedding_size:
            yield matrix("attn_v", hidden, keys)
    yield matrix("attn_output", queries, hidden)


def _experts(shape: SyntheticShape, block: ExpertShape) -> Part:
    hidden, inner, count = shape.hidden_size, block.expert_ffn_size, block.num_experts
    yield matrix("ffn_gate_inp", hidden, count)
    yield TensorPlan("ffn_gate_inp.scale", (hidden,), 1.0, 0.1)
    yield norm("pre_ffw_norm_2", hidden)
    yield norm("post_ffw_norm_1", hidden)
    yield norm("post_ffw_norm_2", hidden)
    yield matrix("ffn_gate_up_exps", hidden, 2 * inner, count)
    yield matrix("ffn_down_exps", inner, hidden, count)
    yield TensorPlan("ffn_down_exps.scale", (count,), 1.0, 0.1)
