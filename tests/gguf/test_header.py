"""The container: what is whole is read, what is cut, doubled or out of place is refused with our own error."""

import os
import random
import struct

import pytest

from fakes import gguf_writer as writer
from labkit.errors import InvalidModelFileError
from labkit.gguf import read_general, read_header, validate


@pytest.fixture
def tiny(tmp_path):
    return writer.write_tiny_llama(tmp_path / "tiny.gguf")


def test_a_whole_file_is_read(tiny):
    header = read_header(tiny)
    assert header.version == 3
    assert header.text("general.architecture") == "llama"
    assert header.integer("llama.block_count") == 2
    assert header.metadata["llama.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-5)
    assert header.strings("tokenizer.ggml.tokens")[-1] == b"ab"
    assert list(header.numbers("tokenizer.ggml.token_type")[:3]) == [2, 3, 3]
    assert header.tensors[0].name == "token_embd.weight"
    assert header.tensors[0].dimensions == (64, 263)
    assert header.data_offset % 32 == 0
    assert header.data_offset + sum(tensor.num_bytes for tensor in header.tensors) <= header.file_bytes


def test_every_value_type_is_read(tmp_path):
    items = {
        writer.UINT8: 255, writer.INT8: -128, writer.UINT16: 65535, writer.INT16: -32768, writer.UINT32: 2**32 - 1,
        writer.INT32: -(2**31), writer.FLOAT32: 0.5, writer.BOOL: True, writer.UINT64: 2**64 - 1,
        writer.INT64: -(2**63), writer.FLOAT64: 1e300,
    }  # fmt: skip
    metadata = {f"k.{kind}": writer.Typed(kind, item) for kind, item in items.items()}
    metadata |= {f"a.{kind}": writer.Typed(writer.ARRAY, [item] * 3, kind) for kind, item in items.items()}
    header = read_header(writer.write(tmp_path / "types.gguf", metadata, {}))
    for kind, item in items.items():
        assert header.metadata[f"k.{kind}"] == item
        assert list(header.numbers(f"a.{kind}")) == [item] * 3


def test_a_vocabulary_longer_than_the_read_buffer_arrives_whole(tmp_path):
    tokens = [f"token {'x' * (i % 50)} {i}" for i in range(40_000)]
    path = writer.write(tmp_path / "big.gguf", {"tokenizer.ggml.tokens": tokens, "after": 7}, {})
    header = read_header(path)
    assert header.strings("tokenizer.ggml.tokens") == tuple(token.encode() for token in tokens)
    assert header.integer("after") == 7


def test_general_metadata_comes_without_the_vocabulary(tiny):
    general = read_general(tiny)
    assert general["general.license"] == "apache-2.0"
    assert not [key for key in general if key.startswith("tokenizer.")]


def test_asking_for_the_wrong_type_gives_none(tiny):
    header = read_header(tiny)
    assert header.text("llama.block_count") is None
    assert header.integer("general.architecture") is None
    assert header.strings("tokenizer.ggml.scores") is None
    assert header.numbers("tokenizer.ggml.tokens") is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"GG", "not a GGUF file"),
        (b"<html>404</html>", "not a GGUF file"),
        (b"GGUF", "cut"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 40, 0), "claims"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 40), "claims"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 62), "claims"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + writer.string(b"\xff\xfe") + struct.pack("<II", 4, 1), "UTF-8"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + writer.string("k") + struct.pack("<I", 99), "unknown type"),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + writer.string("k") + struct.pack("<IIQ", 9, 9, 1),
            "unsupported element type",
        ),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + writer.string("k") + struct.pack("<IIQ", 9, 8, 1 << 60),
            "claims",
        ),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + writer.string("k") + struct.pack("<IIQ", 9, 8, 9999), "cut"),
    ],
)
def test_what_is_no_whole_file_is_refused(tmp_path, content, words):
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(InvalidModelFileError, match=words) as caught:
        read_header(path)
    assert caught.value.hint


def test_a_missing_file_a_folder_and_a_fifo_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.gguf")
    for name, words in (("none.gguf", "No such file"), (".", "is a folder"), ("pipe.gguf", "not a regular file")):
        with pytest.raises(InvalidModelFileError, match=words) as caught:
            read_header(tmp_path / name)
        assert caught.value.hint


def test_a_safetensors_file_is_told_what_labkit_serves(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(InvalidModelFileError) as caught:
        read_header(path)
    assert "-GGUF" in caught.value.hint


def test_doubled_keys_and_tensors_are_refused(tmp_path):
    with pytest.raises(InvalidModelFileError, match="'k' stands in it twice"):
        read_header(writer.write(tmp_path / "a.gguf", [("k", 1), ("k", 2)], {}))
    path = writer.write(tmp_path / "b.gguf", {}, {"a": ((4,), writer.F32), "b": ((4,), writer.F32)})
    raw = path.read_bytes()
    path.write_bytes(raw.replace(writer.string("b"), writer.string("a")))
    with pytest.raises(InvalidModelFileError, match="tensor 'a' stands in it twice"):
        read_header(path)


@pytest.mark.parametrize("alignment", [0, 3, 1 << 21, "32"])
def test_an_alignment_that_is_no_power_of_two_is_refused(tmp_path, alignment):
    with pytest.raises(InvalidModelFileError, match="alignment"):
        read_header(writer.write(tmp_path / "a.gguf", {"general.alignment": alignment}, {}))


def test_another_alignment_is_honoured(tmp_path):
    tensors = {"a": ((3,), writer.F32), "b": ((3,), writer.F32)}
    path = writer.write(tmp_path / "a.gguf", {"general.alignment": 128}, tensors, alignment=128)
    header = read_header(path)
    assert header.data_offset % 128 == 0
    assert header.tensors[1].offset == 128


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ((2, 64, 263), (5, 64, 263), "dimensions"),
        ((2, 64, 263), (2, 0, 263), "impossible shape"),
        ((2, 64, 263), (2, 1 << 40, 1 << 40), "impossible shape"),
        ((2, 64, 263), (2, 1 << 30, 263), "starts at|is cut"),
    ],
)
def test_hostile_tensor_shapes_are_refused(tiny, old, new, words):
    raw = tiny.read_bytes()
    assert raw.count(struct.pack("<IQQ", *old)) == 2
    tiny.write_bytes(raw.replace(struct.pack("<IQQ", *old), struct.pack("<IQQ", *new), 1))
    with pytest.raises(InvalidModelFileError, match=words):
        read_header(tiny)


def test_unknown_tensor_types_and_broken_rows_are_refused(tmp_path):
    path = writer.write(tmp_path / "a.gguf", {}, {"w": ((33,), writer.F32)})
    raw = path.read_bytes()
    shape = struct.pack("<IQ", 1, 33)
    for kind, words in ((77, "type 77"), (writer.Q8_0, "whole number of Q8_0 blocks")):
        path.write_bytes(raw.replace(shape + struct.pack("<I", writer.F32), shape + struct.pack("<I", kind)))
        with pytest.raises(InvalidModelFileError, match=words):
            read_header(path)


def test_a_cut_at_any_place_is_refused(tiny):
    raw = tiny.read_bytes()
    whole = read_header(tiny)
    last = whole.tensors[-1]
    end = whole.data_offset + last.offset + last.num_bytes
    for length in [*range(0, whole.data_offset, 97), whole.data_offset + 1, end - 1]:
        tiny.write_bytes(raw[:length])
        with pytest.raises(InvalidModelFileError):
            read_header(tiny)
    tiny.write_bytes(raw[:end])
    assert read_header(tiny).file_bytes == end


def _mutant(raw, header_bytes, chance):
    damaged = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place = chance.randrange(header_bytes)
        action = chance.randrange(4)
        if action == 0:
            damaged[place] ^= 1 << chance.randrange(8)
        elif action == 1:
            damaged[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif action == 2:
            damaged[place : place + 8] = struct.pack("<Q", chance.choice((0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)))
        else:
            del damaged[place : place + chance.randrange(1, 9)]
    return bytes(damaged)


def test_mutated_files_raise_nothing_but_our_error(tiny):
    raw = tiny.read_bytes()
    header_bytes = read_header(tiny).data_offset
    chance = random.Random(8642)
    refused = []
    for _ in range(800):
        tiny.write_bytes(_mutant(raw, header_bytes, chance))
        try:
            validate(tiny)
        except InvalidModelFileError as error:
            refused.append(error)
    assert 200 < len(refused) < 800
    assert all(error.message and error.hint for error in refused)
