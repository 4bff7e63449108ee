"""What a synthetic file says of itself: the keys that llama.cpp requires of each architecture, and the tokenizer."""

import numpy as np

from labkit.engine.synthetic.container import Value
from labkit.engine.synthetic.mixture import file_type
from labkit.engine.synthetic.shape import SyntheticShape
from labkit.engine.synthetic.vocabulary import (
    CHAT_TEMPLATE,
    CONTROL_TOKENS,
    END_OF_TEXT,
    TURN_END,
    Vocabulary,
    build_vocabulary,
)

NORMAL, CONTROL = 1, 3  # token types
DESCRIPTION = (
    "Random weights in a real model's shape: it has that model's size and speed, and its answers mean nothing."
)
QUANTIZATION_VERSION = 2
NORM_EPSILON = 1e-6


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
        "attention.head_count_kv": shape.num_kv_heads,
        "attention.key_length": shape.head_dim,
        "attention.value_length": shape.head_dim,
        "rope.dimension_count": shape.head_dim,
        "rope.freq_base": shape.rope_base,
    }
    return sizes


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
