"""Names and shapes of every tensor of a model, by llama.cpp's rules (src/models/*.cpp of version 0.3.36).

Embeddings are small beside what the layers add, so a tied head does not simply repeat its input, and the final norm
makes up for it: logits have a deviation of about 2.
"""

import math
from collections.abc import Callable

from labkit.engine.synthetic.gemma4 import gemma4_ends, gemma4_layer
from labkit.engine.synthetic.mla import mla_layer
from labkit.engine.synthetic.recurrent import delta_net, mamba, mamba2, short_convolution
from labkit.engine.synthetic.shape import SyntheticShape
from labkit.engine.synthetic.tensors import (
    Part,
    TensorPlan,
    attention,
    attention_bias,
    bias,
    experts,
    feed_forward,
    head_norms,
    matrix,
    norm,
    shared_expert,
)
from labkit.errors import InputError

LOGIT_DEVIATION = 2.0
SCALED_EMBEDDING = {"gemma3", "gemma4"}  # these multiply the embedding by sqrt(n_embd)
FINAL_NORMS = {"lfm2": "token_embd_norm", "lfm2moe": "token_embd_norm"}


def plan_tensors(shape: SyntheticShape) -> tuple[TensorPlan, ...]:
    """Every tensor of a model in file order. Pure. Raises InputError for an architecture without a rule."""
    layer = LAYERS.get(shape.architecture)
    if layer is None:
        raise InputError(
            f"labkit cannot imitate a '{shape.architecture}' model",
            hint=f"these it can: {', '.join(sorted(LAYERS))}",
        )
    plans = list(_ends(shape))
    for number in range(shape.num_layers):
        plans += [_in_layer(number, plan) for plan in layer(shape, number)]
    return tuple(plans)


def _in_layer(number: int, plan: TensorPlan) -> TensorPlan:
    return TensorPlan(f"blk.{number}.{plan.name}", plan.dimensions, plan.mean, plan.deviation)


def _ends(shape: SyntheticShape) -> Part:
    """What stands before and behind the layers."""
    hidden, vocabulary = shape.hidden_size, shape.vocab_size
    embedding_gain = 0.2 if shape.architecture in SCALED_EMBEDDING else 1.0
    head_gain = embedding_gain if shape.tied_embeddings else 1.0
    yield TensorPlan("token_embd.weight", (hidden, vocabulary), 0.0, embedding_gain / math.sqrt(hidden))
    yield norm(FINAL_NORMS.get(shape.architecture, "output_norm"), hidden, LOGIT_DEVIATION / head_gain)
    if not shape.tied_embeddings:
        yield matrix("output", hidden, vocabulary)
    if shape.rope_factors:
        yield TensorPlan("rope_freqs.weight", (shape.head_dim // 2,), 1.0, 0.0)
    if shape.architecture == "gemma4":
        yield from gemma4_ends(shape)


def _llama(shape: SyntheticShape, _layer: int) -> Part:
    yield norm("attn_norm", shape.hidden_size)
    yield from attention(shape)
    yield norm("ffn_norm", shape.hidden_size)
    yield from feed_forward(shape)


def _qwen2(shape: SyntheticShape, layer: int) -> Part:
    yield from _llama(shape, layer)
    yield from attention_bias(shape)


def _qwen3(shape: SyntheticShape, layer: int) -> Part:
    yield from _llama(shape, layer)
    yield from head_norms(shape)


def _phi3(shape: SyntheticShape, _layer: int) -> Part:
    hidden, inner = shape.hidden_size, shape.ffn_size
    yield norm("attn_norm", hidden)
    yield matrix("attn_qkv", hidden, shape.query_size + 2 * shape.kv_size)
    yield matrix("attn_output", shape.query_size, hidden)
    yield norm("ffn_norm", hidden)
    yield matrix("ffn_up", hidden, 2 * inner)
    yield matrix("ffn_down", inner, hidden)


def _gemma3(shape: SyntheticShape, layer: int) -> Part:
    yield from _qwen3(shape, layer)
    yield norm("post_attention_norm", shape.hidden_size)
    yield norm("post_ffw_norm", shape.hidden_size)


def _qwen3_moe(shape: SyntheticShape, _layer: int) -> Part:
    yield norm("attn_norm", shape.hidden_size)
    yield from attention(shape)
    yield from head_norms(shape)
    yield norm("ffn_norm", shape.hidden_size)
    yield from experts(shape, shape.required_experts)


def _gpt_oss(shape: SyntheticShape, _layer: int) -> Part:
    block = shape.required_experts
    yield norm("attn_norm", shape.hidden_size)
    yield from attention(shape)
    yield from attention_bias(shape)
    yield bias("attn_output", shape.hidden_size)
    yield TensorPlan("attn_sinks.weight", (shape.num_heads,), 0.0, 1.0)
    yield norm("post_attention_norm", shape.hidden_size)
    yield from experts(shape, block)
    yield bias("ffn_gate_inp", block.num_experts)
    yield bias("ffn_gate_exps", block.expert_ffn_size, block.num_experts)
    yield bias("ffn_up_exps", block.expert_ffn_size, block.num_experts)
    yield bias("ffn_down_exps", shape.hidden_size, block.num_experts)


def _qwen35_mixer(shape: SyntheticShape, layer: int, *, alpha_and_beta_together: bool = False) -> Part:
    yield norm("attn_norm", shape.hidden_size)
    yield norm("post_attention_norm", shape.hidden_size)
    if shape.attends(layer):
        yield from attention(shape, query_parts=2)
        yield from head_norms(shape)
    else:
        yield from delta_net(shape, alpha_and_beta_together=alpha_and_beta_together)


def _qwen35(shape: SyntheticShape, layer: int) -> Part:
    yield from _qwen35_mixer(shape, layer)
    yield from feed_forward(shape)


def _gated_shared_experts(shape: SyntheticShape) -> Part:
    yield from experts(shape, shape.required_experts)
    yield TensorPlan("ffn_gate_inp_shexp.weight", (shape.hidden_size,), 0.0, 1 / math.sqrt(shape.hidden_size))
    yield from shared_expert(shape, shape.required_experts)


def _qwen35_moe(shape: SyntheticShape, layer: int) -> Part:
    yield from _qwen35_mixer(shape, layer)
    yield from _gated_shared_experts(shape)


def _qwen3_next(shape: SyntheticShape, layer: int) -> Part:
    yield from _qwen35_mixer(shape, layer, alpha_and_beta_together=True)
    yield from _gated_shared_experts(shape)


def _granite_hybrid(shape: SyntheticShape, layer: int) -> Part:
    yield norm("attn_norm", shape.hidden_size)
    yield from attention(shape) if shape.attends(layer) else mamba2(shape)
    yield norm("ffn_norm", shape.hidden_size)
    if shape.experts is None:
        yield from feed_forward(shape)
        return
    yield from experts(shape, shape.experts)
    yield from shared_expert(shape, shape.experts)


def _lfm2(shape: SyntheticShape, layer: int) -> Part:
    yield norm("attn_norm", shape.hidden_size)
    if shape.attends(layer):
        yield from attention(shape)
        yield from head_norms(shape)
    else:
        yield from short_convolution(shape)
    yield norm("ffn_norm", shape.hidden_size)
    if shape.experts is None or layer < shape.experts.leading_dense_layers:
        yield from feed_forward(shape)
        return
    yield from experts(shape, shape.experts)
    yield bias("exp_probs_b", shape.experts.num_experts)


def _mamba(shape: SyntheticShape, _layer: int) -> Part:
    yield norm("attn_norm", shape.hidden_size)
    yield from mamba(shape)


def _mamba2(shape: SyntheticShape, _layer: int) -> Part:
    yield norm("attn_norm", shape.hidden_size)
    yield from mamba2(shape)


LAYERS: dict[str, Callable[[SyntheticShape, int], Part]] = {
    "deepseek2": mla_layer,
    "gemma3": _gemma3,
    "gemma4": gemma4_layer,
    "gpt-oss": _gpt_oss,
    "granite": _llama,
    "granitehybrid": _granite_hybrid,
    "lfm2": _lfm2,
    "lfm2moe": _lfm2,
    "llama": _llama,
    "mamba": _mamba,
    "mamba2": _mamba2,
    "mistral3": _llama,
    "phi3": _phi3,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "qwen35": _qwen35,
    "qwen35moe": _qwen35_moe,
    "qwen3moe": _qwen3_moe,
    "qwen3next": _qwen3_next,
    "smollm3": _llama,
}
