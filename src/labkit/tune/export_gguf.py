"""A trained TinyModel and its tokenizer to one GGUF file, with the `gguf` package's writer and names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import gguf
from labkit.tune.nano.tokenizer import CONTROL_TOKENS, END, PAD, USER_DEFINED_TOKENS
from labkit.tune.tiny_model import SHARPNESS, TinyModel, TinyModelConfig

ARCHITECTURE = "qwen3"
QUANTIZATIONS = {
    "F32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "Q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}


@dataclass(frozen=True)
class ModelInfo:
    """What the file says about itself."""

    name: str
    description: str
    license: str = "apache-2.0"


def export_gguf(
    model: TinyModel, tokenizer: Tokenizer, template: str, info: ModelInfo, path: Path, quantization: str = "Q8_0"
) -> None:
    """Writes `path` whole or not at all. Matrices get the quantization, norms stay float32."""
    temporary = path.with_suffix(".tmp")
    writer = gguf.GGUFWriter(temporary, ARCHITECTURE)
    _write_metadata(writer, model, info, quantization)
    _write_tokenizer(writer, tokenizer, template)
    _write_tensors(writer, model, quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    temporary.replace(path)


def _write_metadata(writer: gguf.GGUFWriter, model: TinyModel, info: ModelInfo, quantization: str) -> None:
    config = model.config
    writer.add_name(info.name)
    writer.add_description(info.description)
    writer.add_license(info.license)
    # So small a model is right or lost at its first choice: programs that do not ask for another temperature get none.
    writer.add_sampling_temp(0.0)
    writer.add_file_type(QUANTIZATIONS[quantization][1])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(config.context_tokens)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_layers)
    writer.add_feed_forward_length(config.ffn_size)
    writer.add_head_count(config.num_heads)
    writer.add_head_count_kv(config.num_kv_heads)
    writer.add_key_length(config.head_size)
    writer.add_value_length(config.head_size)
    writer.add_rope_freq_base(config.rope_base)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_vocab_size(config.vocab_size)


def _write_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer, template: str) -> None:
    data = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(data["vocab"], key=data["vocab"].__getitem__)
    kinds = dict.fromkeys(CONTROL_TOKENS, gguf.TokenType.CONTROL)
    kinds |= dict.fromkeys(USER_DEFINED_TOKENS, gguf.TokenType.USER_DEFINED)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([kinds.get(token, gguf.TokenType.NORMAL) for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in data["merges"]])
    writer.add_eos_token_id(data["vocab"][END])
    writer.add_pad_token_id(data["vocab"][PAD])
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)


def _write_tensors(writer: gguf.GGUFWriter, model: TinyModel, quantization: str) -> None:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3, model.config.num_layers)
    kind = QUANTIZATIONS[quantization][0]
    for name, tensor in model.state_dict().items():
        target = names.get_name(name, try_suffixes=(".weight",))
        if target is None:
            raise ValueError(f"no GGUF name for tensor {name}")
        values = tensor.float().numpy()
        if values.ndim == 2 and kind != gguf.GGMLQuantizationType.F32:
            writer.add_tensor(target, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(target, values.astype(np.float32))
    for name, size, gain in _norm_gains(model.config):
        writer.add_tensor(name, np.full(size, gain, dtype=np.float32))


def _norm_gains(config: TinyModelConfig) -> Iterator[tuple[str, int, float]]:
    """Name, size and constant of each norm: the model has no learned gains, the architecture has room for them."""
    yield "output_norm.weight", config.hidden_size, 1.0
    for layer in range(config.num_layers):
        yield f"blk.{layer}.attn_norm.weight", config.hidden_size, 1.0
        yield f"blk.{layer}.ffn_norm.weight", config.hidden_size, 1.0
        yield f"blk.{layer}.attn_q_norm.weight", config.head_size, SHARPNESS
        yield f"blk.{layer}.attn_k_norm.weight", config.head_size, 1.0
