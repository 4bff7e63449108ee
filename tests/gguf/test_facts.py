"""Facts of a file: sizes that add up, and the bytes that one token reads."""

import pytest

from fakes import gguf_writer as writer
from labkit.gguf import file_facts, read_header


def facts(path, metadata, tensors):
    return file_facts(read_header(writer.write(path, metadata, tensors)))


def test_facts_of_a_small_file(tmp_path):
    metadata, tensors = writer.tiny_llama()
    found = facts(tmp_path / "a.gguf", metadata, tensors)
    embedding = 64 * 263 * 4
    assert found.weight_bytes == sum(writer.num_bytes(*tensor) for tensor in tensors.values())
    assert found.bytes_per_token == found.weight_bytes - embedding
    assert found.quantization == "F32"
    assert found.bits_per_weight == pytest.approx(32)
    assert found.license == "apache-2.0"
    assert found.has_chat_template


def test_a_tied_embedding_is_read_for_every_token(tmp_path):
    metadata, tensors = writer.tiny_llama(**{"tokenizer.chat_template": None})
    del tensors["output.weight"]
    found = facts(tmp_path / "a.gguf", metadata, tensors)
    assert found.bytes_per_token == found.weight_bytes
    assert not found.has_chat_template


def test_unused_experts_and_per_layer_embeddings_are_not_read(tmp_path):
    metadata, _ = writer.tiny_llama(**{"llama.expert_count": 8, "llama.expert_used_count": 2})
    tensors = {
        "token_embd.weight": ((64, 263), writer.F32),
        "per_layer_token_embd.weight": ((64, 263), writer.F16),
        "blk.0.ffn_up_exps.weight": ((64, 96, 8), writer.Q8_0),
        "blk.0.attn_q.weight": ((64, 64), writer.F16),
    }
    found = facts(tmp_path / "a.gguf", metadata, tensors)
    experts = 64 * 96 * 8 // 32 * 34
    assert found.bytes_per_token == 64 * 263 * 4 + experts // 4 + 64 * 64 * 2
    assert found.tensor_types == {"F32": 64 * 263 * 4, "Q8_0": experts, "F16": 64 * 263 * 2 + 64 * 64 * 2}


@pytest.mark.parametrize(
    ("stated", "expected"), [(15, "Q4_K_M"), (1024 + 7, "Q8_0"), (38, "MXFP4_MOE"), (9999, "F32"), (None, "F32")]
)
def test_the_quantization_is_what_the_file_says_or_what_most_weights_are(tmp_path, stated, expected):
    metadata, tensors = writer.tiny_llama(**{"general.file_type": stated})
    assert facts(tmp_path / "a.gguf", metadata, tensors).quantization == expected
