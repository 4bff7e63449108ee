"""Writes GGUF files for tests, valid or broken in any way one likes; knows the format, not labkit's reader."""

import struct
from pathlib import Path

UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64, INT64, FLOAT64 = range(13)
_CODES = {
    UINT8: "B", INT8: "b", UINT16: "H", INT16: "h", UINT32: "I", INT32: "i", FLOAT32: "f", BOOL: "?",
    UINT64: "Q", INT64: "q", FLOAT64: "d",
}  # fmt: skip
F32, F16, Q8_0 = 0, 1, 8
_BLOCKS = {F32: (1, 4), F16: (1, 2), Q8_0: (32, 34)}


class Typed:
    """A metadata value with an explicit type; `element` for arrays."""

    def __init__(self, kind, value, element=None):
        self.kind, self.value, self.element = kind, value, element

    def __repr__(self):
        return f"{self.value} of type {self.kind}"  # names of tests: the same in every process


def uint32s(values):
    return Typed(ARRAY, list(values), UINT32)


def bools(values):
    return Typed(ARRAY, list(values), BOOL)


def string(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(item):
    """Type number and payload of a metadata value; Python types choose the usual GGUF type."""
    if isinstance(item, Typed):
        return struct.pack("<I", item.kind) + _payload(item)
    if isinstance(item, bool):
        return struct.pack("<I?", BOOL, item)
    if isinstance(item, int):
        return struct.pack("<II", UINT32, item)
    if isinstance(item, float):
        return struct.pack("<If", FLOAT32, item)
    if isinstance(item, (str, bytes)):
        return struct.pack("<I", STRING) + string(item)
    kind = STRING if isinstance(item[0], (str, bytes)) else FLOAT32 if isinstance(item[0], float) else INT32
    return struct.pack("<I", ARRAY) + _payload(Typed(ARRAY, item, kind))


def _payload(item):
    if item.kind == ARRAY:
        head = struct.pack("<IQ", item.element, len(item.value))
        if item.element == STRING:
            return head + b"".join(string(text) for text in item.value)
        return head + struct.pack(f"<{len(item.value)}{_CODES[item.element]}", *item.value)
    if item.kind == STRING:
        return string(item.value)
    return struct.pack("<" + _CODES[item.kind], item.value)


def num_bytes(dimensions, kind):
    block, size = _BLOCKS[kind]
    total = 1
    for length in dimensions:
        total *= length
    return total // block * size


def write(path: Path, metadata, tensors, *, version=3, alignment=32) -> Path:
    """Write `metadata` (a dict, or pairs) and `tensors` (name -> (dimensions, type)); the data is zeros."""
    pairs = list(metadata.items()) if isinstance(metadata, dict) else list(metadata)
    head = [b"GGUF", struct.pack("<IQQ", version, len(tensors), len(pairs))]
    head += [string(key) + value(item) for key, item in pairs]
    offset = 0
    for name, (dimensions, kind) in tensors.items():
        head.append(string(name) + struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions))
        head.append(struct.pack("<IQ", kind, offset))
        offset += -(-num_bytes(dimensions, kind) // alignment) * alignment
    raw = b"".join(head)
    path.write_bytes(raw + bytes(-len(raw) % alignment) + bytes(offset))
    return path


def byte_tokens():
    return [f"<0x{byte:02X}>" for byte in range(256)]


def tiny_llama(**changes):
    """(metadata, tensors) of a whole Llama with 2 layers, 64 wide, that llama.cpp loads. None drops a key."""
    tokens = ["<unk>", "<s>", "</s>", *byte_tokens(), "▁", "a", "b", "ab"]
    metadata = {
        "general.architecture": "llama",
        "general.name": "tiny",
        "general.license": "apache-2.0",
        "general.file_type": 0,
        "llama.block_count": 2,
        "llama.context_length": 256,
        "llama.embedding_length": 64,
        "llama.feed_forward_length": 96,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": 16,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [float(-i) for i in range(len(tokens))],
        "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * 4,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.chat_template": "{{ messages[0]['content'] }}",
    }
    metadata.update(changes)
    metadata = {key: item for key, item in metadata.items() if item is not None}
    tensors = {"token_embd.weight": ((64, len(tokens)), F32), "output_norm.weight": ((64,), F32)}
    tensors["output.weight"] = ((64, len(tokens)), F32)
    for layer in range(2):
        for name, dimensions in (
            ("attn_norm", (64,)), ("attn_q", (64, 64)), ("attn_k", (64, 32)), ("attn_v", (64, 32)),
            ("attn_output", (64, 64)), ("ffn_norm", (64,)), ("ffn_gate", (64, 96)), ("ffn_up", (64, 96)),
            ("ffn_down", (96, 64)),
        ):  # fmt: skip
            tensors[f"blk.{layer}.{name}.weight"] = (dimensions, F32)
    return metadata, tensors


def write_tiny_llama(path: Path, **changes) -> Path:
    metadata, tensors = tiny_llama(**changes)
    return write(path, metadata, tensors)
