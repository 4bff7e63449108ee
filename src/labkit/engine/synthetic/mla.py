"""Multi-head latent attention (DeepSeek V2 and V3, GLM 4.7 Flash): K and V of all heads come from one short row."""

from labkit.engine.synthetic.container import Value
from labkit.engine.synthetic.shape import SyntheticShape
from labkit.engine.synthetic.tensors import QK_GAIN, Part, experts, feed_forward, matrix, norm, shared_expert

SIGMOID_GATING = 2


def mla_layer(shape: SyntheticShape, layer: int) -> Part:
    """One layer of llama.cpp's `deepseek2` (src/models/deepseek2.cpp)."""
    hidden, heads, mla, block = shape.hidden_size, shape.num_heads, shape.required_mla, shape.required_experts
    yield norm("attn_norm", hidden)
    yield matrix("attn_q_a", hidden, mla.query_rank)
    yield norm("attn_q_a_norm", mla.query_rank)
    yield matrix("attn_q_b", mla.query_rank, heads * mla.key_size, gain=QK_GAIN)
    yield matrix("attn_kv_a_mqa", hidden, mla.rank + mla.rope_size)
    yield norm("attn_kv_a_norm", mla.rank)
    yield matrix("attn_k_b", mla.key_size - mla.rope_size, mla.rank, heads)
    yield matrix("attn_v_b", mla.rank, mla.value_size, heads)
    yield matrix("attn_output", heads * mla.value_size, hidden)
    yield norm("ffn_norm", hidden)
    if layer < block.leading_dense_layers:
        yield from feed_forward(shape)
        return
    yield from experts(shape, block)
    yield from shared_expert(shape, block)


def mla_keys(shape: SyntheticShape) -> dict[str, Value]:
    """Keys of its sizes: to the cache it is one KV head of the compressed row."""
    mla = shape.required_mla
    return {
        "attention.q_lora_rank": mla.query_rank,
        "attention.kv_lora_rank": mla.rank,
        "attention.head_count_kv": 1,
        "attention.key_length": mla.rank + mla.rope_size,
        "attention.value_length": mla.rank,
        "attention.key_length_mla": mla.key_size,
        "attention.value_length_mla": mla.value_size,
        "rope.dimension_count": mla.rope_size,
        "expert_shared_count": 1,
        "expert_gating_func": SIGMOID_GATING,
    }
