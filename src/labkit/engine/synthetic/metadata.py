"""What a synthetic file says of itself: the keys that llama.cpp requires of each architecture, and the tokenizer."""

import numpy as np

from labkit.engine.synthetic.container import Value
from labkit.engine.synthetic.gemma4 import gemma4_keys
from labkit.engine.synthetic.mixture import file_type
from labkit.engine.synthetic.mla import mla_keys
from labkit.engine.synthetic.shape import DELTA_NETS, ExpertShape, RecurrentShape, SyntheticShape
from labkit.engine.synthetic.vocabulary import (
    CHAT_TEMPLATE,
    CONTROL_TOKENS,
    END_OF_TEXT,
    TURN_END,
    Vocabulary,
    build_vocabulary,
)

NORMAL, CONTROL = 1, 3  # token types
DESCRIPTION = "Random weights in a real model's shape: it has that model's size and speed, and says nothing."
QUANTIZATION_VERSION = 2
NORM_EPSILON = 1e-6
SIGMOID_GATING = 2


def metadata(shape: SyntheticShape, quantization: str) -> dict[str, Value]:
    """Every key of a file. Pure."""
    keys: dict[str, Value] = {
        "general.architecture": shape.architecture,
        "general.name": f"{shape.name} (synthetic)",
        "general.description": DESCRIPTION,
        "general.license": "CC0-1.0",
        "general.file_type": file_type(quantization),
        "general.quantization_version": QUANTIZATION_VERSION,
    }
    keys |= {f"{shape.architecture}.{name}": value for name, value in _sizes(shape).items()}
    return keys | _tokenizer(build_vocabulary(shape.vocab_size))


def _sizes(shape: SyntheticShape) -> dict[str, Value]:
    sizes: dict[str, Value] = {
        "block_count": shape.num_layers,
        "context_length": shape.context_tokens,
        "embedding_length": shape.hidden_size,
        "feed_forward_length": shape.ffn_size,
        "vocab_size": shape.vocab_size,
        "attention.layer_norm_rms_epsilon": NORM_EPSILON,
        "attention.head_count": shape.num_heads,
        "attention.head_count_kv": _kv_heads(shape),
    }
    if shape.num_heads:
        sizes |= {
            "attention.key_length": shape.head_dim,
            "attention.value_length": shape.head_dim,
            "rope.dimension_count": shape.rope_dim or shape.head_dim,
            "rope.freq_base": shape.rope_base,
        }
    if shape.window_tokens:
        sizes["attention.sliding_window"] = shape.window_tokens
    if shape.experts:
        sizes |= _expert_sizes(shape.experts)
    if shape.recurrent:
        sizes |= _recurrent_sizes(shape.recurrent)
    return sizes | _peculiarities(shape)


def _kv_heads(shape: SyntheticShape) -> Value:
    """One number; for hybrids one for each layer, 0 where it is recurrent. The delta nets state an interval instead."""
    if shape.recurrent is None or shape.architecture in DELTA_NETS or not shape.num_heads:
        return shape.num_kv_heads
    return np.array([shape.num_kv_heads * shape.attends(layer) for layer in range(shape.num_layers)], np.int32)


def _expert_sizes(experts: ExpertShape) -> dict[str, Value]:
    sizes: dict[str, Value] = {
        "expert_count": experts.num_experts,
        "expert_used_count": experts.num_used,
        "expert_feed_forward_length": experts.expert_ffn_size,
    }
    if experts.shared_ffn_size:
        sizes["expert_shared_feed_forward_length"] = experts.shared_ffn_size
    if experts.leading_dense_layers:
        sizes["leading_dense_block_count"] = experts.leading_dense_layers
    return sizes


def _recurrent_sizes(state: RecurrentShape) -> dict[str, Value]:
    if not state.state_size:
        return {"shortconv.l_cache": state.conv_kernel}
    return {
        "ssm.conv_kernel": state.conv_kernel,
        "ssm.inner_size": state.inner_size,
        "ssm.state_size": state.state_size,
        "ssm.time_step_rank": state.num_state_heads,
        "ssm.group_count": state.num_groups,
    }


def _peculiarities(shape: SyntheticShape) -> dict[str, Value]:
    """Keys that single architectures require."""
    if shape.architecture in DELTA_NETS and shape.recurrent:
        interval = shape.recurrent.attention_layers[0] + 1
        half = (shape.rope_dim or shape.head_dim) // 2
        sections = np.array([half - 2 * (half // 3), half // 3, half // 3, 0], np.int32)
        return {"full_attention_interval": interval, "rope.dimension_sections": sections}
    if shape.architecture == "gemma4":
        return gemma4_keys(shape)
    if shape.mla:
        return mla_keys(shape)
    if shape.architecture == "lfm2moe":
        return {"expert_gating_func": SIGMOID_GATING}
    if shape.architecture == "granite":
        return {"logit_scale": 1.0}
    return {}


def _tokenizer(vocabulary: Vocabulary) -> dict[str, Value]:
    kinds = np.full(vocabulary.size, NORMAL, np.int32)
    kinds[-len(CONTROL_TOKENS) :] = CONTROL
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": vocabulary.tokens,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": vocabulary.merges,
        "tokenizer.ggml.eos_token_id": vocabulary.id_of(TURN_END),
        "tokenizer.ggml.padding_token_id": vocabulary.id_of(END_OF_TEXT),
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }
