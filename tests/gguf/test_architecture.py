"""From keys to shape: what each layer remembers, for every kind of attention llama.cpp runs."""

import pytest

from fakes import gguf_writer as writer
from labkit.gguf import architecture, read_header
from labkit.model import LayerMemory


def shape(tmp_path, name, tensors=None, **keys):
    metadata = {"general.architecture": name}
    metadata |= {key if "tokenizer" in key else f"{name}.{key}": item for key, item in keys.items()}
    return architecture(read_header(writer.write(tmp_path / "a.gguf", metadata, tensors or {})))


BASE = {
    "block_count": 4, "context_length": 4096, "embedding_length": 512, "feed_forward_length": 1024,
    "attention.head_count": 8, "attention.head_count_kv": 2,
}  # fmt: skip


def test_plain_attention(tmp_path):
    metadata, tensors = writer.tiny_llama()
    found = architecture(read_header(writer.write(tmp_path / "a.gguf", metadata, tensors)))
    assert found.layers == (LayerMemory(32, 32),) * 2
    assert (found.num_heads, found.num_kv_heads, found.head_dim, found.vocab_size) == (4, 2, 16, 263)
    assert found.tied_embeddings is False
    assert found.num_parameters == sum(tensor.num_elements for tensor in read_header(tmp_path / "a.gguf").tensors)
    del tensors["output.weight"]
    tied = architecture(read_header(writer.write(tmp_path / "a.gguf", metadata, tensors)))
    assert tied.tied_embeddings is True


def test_sliding_window_by_the_rule_of_the_architecture(tmp_path):
    found = shape(tmp_path, "gemma3", **BASE | {"block_count": 12, "attention.sliding_window": 512})
    assert [layer.window_tokens for layer in found.layers] == ([512] * 5 + [None]) * 2


def test_sliding_window_by_the_pattern_in_the_file_with_other_heads_and_shared_layers(tmp_path):
    keys = BASE | {
        "attention.sliding_window": 512,
        "attention.sliding_window_pattern": writer.bools([True, True, False, True]),
        "attention.head_count_kv": writer.uint32s([2, 2, 1, 2]),
        "attention.key_length": 512, "attention.value_length": 512,
        "attention.key_length_swa": 256, "attention.value_length_swa": 256,
        "attention.shared_kv_layers": 1,
    }  # fmt: skip
    found = shape(tmp_path, "gemma4", **keys)
    sliding = LayerMemory(512, 512, 512)
    assert found.layers == (sliding, sliding, LayerMemory(512, 512), LayerMemory())
    assert found.head_dim == 512


def test_a_window_that_the_core_ignores_changes_nothing(tmp_path):
    found = shape(tmp_path, "phi3", **BASE | {"attention.sliding_window": 2048})
    assert found.layers == (LayerMemory(128, 128),) * 4


def test_an_unknown_window_pattern_is_unknown_and_says_so(tmp_path):
    found = shape(tmp_path, "newarch", **BASE | {"attention.sliding_window": 2048})
    assert found.layers is None
    assert "newarch" in found.layers_unknown


def test_compressed_attention_keeps_one_row(tmp_path):
    keys = BASE | {
        "attention.head_count_kv": 1, "attention.key_length": 576, "attention.value_length": 512,
        "attention.key_length_mla": 192, "attention.value_length_mla": 128, "attention.kv_lora_rank": 512,
    }  # fmt: skip
    assert shape(tmp_path, "deepseek2", **keys).layers == (LayerMemory(576, 0),) * 4


def test_gated_delta_net_keeps_state_in_three_of_four_layers(tmp_path):
    keys = BASE | {
        "attention.key_length": 256, "attention.value_length": 256, "full_attention_interval": 4,
        "ssm.conv_kernel": 4, "ssm.state_size": 128, "ssm.group_count": 16, "ssm.inner_size": 4096,
    }  # fmt: skip
    state = LayerMemory(state_size=3 * (4096 + 2 * 16 * 128) + 128 * 4096)
    assert shape(tmp_path, "qwen35", **keys).layers == (state, state, state, LayerMemory(512, 512))


def test_hybrids_tell_recurrent_layers_by_their_kv_heads(tmp_path):
    keys = BASE | {
        "attention.head_count_kv": writer.uint32s([0, 2, 0, 0]), "ssm.conv_kernel": 4, "ssm.state_size": 128,
        "ssm.group_count": 1, "ssm.inner_size": 1024,
    }  # fmt: skip
    state = LayerMemory(state_size=3 * (1024 + 2 * 128) + 128 * 1024)
    assert shape(tmp_path, "granitehybrid", **keys).layers == (state, LayerMemory(128, 128), state, state)
    assert shape(tmp_path, "unheardof", **keys).layers is None
    nemotron = keys | {"feed_forward_length": writer.uint32s([0, 0, 1856, 0])}
    assert shape(tmp_path, "nemotron_h", **nemotron).layers == (state, LayerMemory(128, 128), LayerMemory(), state)


def test_short_convolutions_keep_their_last_inputs(tmp_path):
    keys = BASE | {"attention.head_count_kv": writer.uint32s([0, 2, 0, 0]), "shortconv.l_cache": 3}
    state = LayerMemory(state_size=512 * 2)
    assert shape(tmp_path, "lfm2", **keys).layers == (state, LayerMemory(128, 128), state, state)


def test_encoders_keep_nothing(tmp_path):
    found = shape(tmp_path, "bert", **BASE | {"attention.causal": False})
    assert found.layers == (LayerMemory(),) * 4
    assert found.embedding_size == 512


def test_a_foreign_state_is_unknown(tmp_path):
    found = shape(tmp_path, "rwkv7", **BASE | {"wkv.head_size": 64})
    assert found.layers is None
    assert "rwkv7" in found.layers_unknown


def test_experts(tmp_path):
    keys = BASE | {"expert_count": 32, "expert_used_count": 4, "expert_feed_forward_length": 2880}
    experts = shape(tmp_path, "qwen3moe", **keys).experts
    assert (experts.num_experts, experts.num_used, experts.expert_ffn_size) == (32, 4, 2880)


@pytest.mark.parametrize("keys", [{}, {"block_count": 3}, {"attention.head_count": "x", "block_count": 2}])
def test_a_header_without_sizes_gives_unknown_not_an_error(tmp_path, keys):
    found = shape(tmp_path, "llama", **keys)
    assert found.hidden_size is None
    assert found.layers is None or found.layers == ()
