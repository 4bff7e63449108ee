"""Meaning: files that are whole, and that llama.cpp would die of (each seen to abort it), are refused."""

import pytest

from fakes import gguf_writer as writer
from labkit.errors import InvalidModelFileError
from labkit.gguf import validate

TOKENS = writer.tiny_llama()[0]["tokenizer.ggml.tokens"]
NUM_TOKENS = len(TOKENS)


def test_a_good_file_passes_and_its_header_comes_back(tmp_path):
    header = validate(writer.write_tiny_llama(tmp_path / "tiny.gguf"))
    assert header.text("general.name") == "tiny"


@pytest.mark.parametrize(
    "changes",
    [
        {"tokenizer.ggml.tokens": [*TOKENS[:-2], "", ""]},
        {"tokenizer.ggml.tokens": [*(token.encode() for token in TOKENS[:-1]), b"\xff\xfe"]},
        {"tokenizer.ggml.tokens": [*TOKENS[:-1], "xy\0z"]},
        {"tokenizer.ggml.padding_token_id": 2**32 - 1},
        {"tokenizer.ggml.bos_token_id": None},
        {"tokenizer.ggml.scores": None, "tokenizer.ggml.token_type": None},
        {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.merges": ["a b"]},
        {"llama.attention.head_count_kv": writer.uint32s([2, 2])},
        {"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": 4.0},
    ],
    ids=str,
)
def test_unusual_files_that_load_are_not_refused(tmp_path, changes):
    assert validate(writer.write_tiny_llama(tmp_path / "tiny.gguf", **changes)).tensors


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"general.architecture": None}, "general.architecture"),
        ({"general.type": "mmproj"}, "projector"),
        ({"general.architecture": "clip"}, "projector"),
        ({"general.type": "adapter"}, "LoRA adapter"),
        ({"split.count": writer.Typed(writer.UINT16, 3), "split.no": writer.Typed(writer.UINT16, 1)}, "part 2 of 3"),
        ({"split.count": 3}, "'split.count' has the type 4"),
        ({"llama.rope.dimension_count": 15}, "go in pairs"),
        ({"llama.rope.dimension_count": 8}, "rotates 8 numbers of a head, a head has 16"),
        ({"general.alignment": 1}, "not at a multiple of 32"),
        ({"llama.block_count": None}, "llama.block_count"),
        ({"llama.block_count": 0}, "not within 1 to 512"),
        ({"llama.block_count": 513}, "not within 1 to 512"),
        ({"llama.block_count": "2"}, "llama.block_count"),
        ({"llama.embedding_length": 0}, "embedding_length"),
        ({"llama.attention.head_count": 3}, "cannot share"),
        ({"llama.attention.head_count": 0}, "no attention heads"),
        ({"llama.attention.head_count_kv": writer.uint32s([2])}, "1 entries for 2 layers"),
        ({"llama.attention.head_count_kv": writer.uint32s([2, 0])}, "0 in layer 1"),
        ({"llama.attention.head_count_kv": 2.0}, "not a whole number"),
        ({"llama.attention.key_length": 0}, "key_length"),
        ({"llama.attention.layer_norm_rms_epsilon": -1.0}, "epsilon"),
        ({"llama.attention.layer_norm_rms_epsilon": 0.0}, "epsilon"),
        ({"llama.attention.layer_norm_rms_epsilon": float("nan")}, "epsilon"),
        ({"llama.rope.scaling.type": "zzz"}, "unknown method 'zzz'"),
        ({"llama.nextn_predict_layers": 5}, "nextn_predict_layers"),
        ({"llama.expert_count": 8, "llama.expert_used_count": 9}, "9 of 8 experts"),
        ({"llama.expert_count": 8, "llama.expert_used_count": 0}, "0 of 8 experts"),
        ({"llama.expert_used_count": 2}, "2 of 0 experts"),
        ({"llama.expert_used_count": writer.uint32s([2, 4])}, "4 of 0 experts"),
        ({"llama.expert_count": 513, "llama.expert_used_count": 2}, "expert_count"),
        ({"tokenizer.ggml.model": None}, "no tokenizer"),
        ({"tokenizer.ggml.model": "none"}, "without a tokenizer"),
        ({"tokenizer.ggml.model": "bert"}, "BERT tokenizer"),
        ({"tokenizer.ggml.model": "rwkv"}, "RWKV tokenizer"),
        ({"tokenizer.ggml.model": "gpt2"}, "no merges"),
        ({"tokenizer.ggml.tokens": None}, "vocabulary is empty"),
        ({"tokenizer.ggml.tokens": [*TOKENS[:-1], "a"]}, "twice"),
        ({"tokenizer.ggml.tokens": [*TOKENS[:-2], "", "[EMPTY_261]"]}, "EMPTY_261"),
        ({"tokenizer.ggml.tokens": [*TOKENS[:-1], "a\0b"]}, "twice"),
        ({"tokenizer.ggml.tokens": [token.replace("<0xC3>", "<1xC3>") for token in TOKENS]}, "byte 0xC3"),
        ({"tokenizer.ggml.tokens": [*TOKENS, "extra"]}, "one number for each of 264"),
        ({"tokenizer.ggml.scores": [0.0] * 3}, "scores"),
        ({"tokenizer.ggml.token_type": [1] * 3}, "token_type"),
        ({"tokenizer.ggml.bos_token_id": NUM_TOKENS}, "bos_token_id"),
        ({"tokenizer.ggml.eos_token_id": "2"}, "eos_token_id"),
    ],
    ids=str,
)
def test_files_that_kill_or_cannot_run_are_refused(tmp_path, changes, words):
    path = writer.write_tiny_llama(tmp_path / "bad.gguf", **changes)
    with pytest.raises(InvalidModelFileError, match=words) as caught:
        validate(path)
    assert caught.value.message.startswith("bad.gguf")
    assert caught.value.hint


def test_an_embedding_of_another_size_than_the_vocabulary_is_refused(tmp_path):
    metadata, tensors = writer.tiny_llama()
    tensors["token_embd.weight"] = ((64, NUM_TOKENS - 1), writer.F32)
    with pytest.raises(InvalidModelFileError, match="embedding has the shape"):
        validate(writer.write(tmp_path / "bad.gguf", metadata, tensors))


def test_a_file_without_tensors_is_no_model(tmp_path):
    metadata, _ = writer.tiny_llama()
    with pytest.raises(InvalidModelFileError, match="no tensors"):
        validate(writer.write(tmp_path / "bad.gguf", metadata, {}))
