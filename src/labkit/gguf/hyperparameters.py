"""Checks of a model's sizes: what llama.cpp would not refuse but die of (assertions, divisions by zero).

Bounds of layers and experts are LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS of ggml-org/llama.cpp.
"""

import math
from array import array

from labkit.gguf.cursor import invalid
from labkit.gguf.embedding import embedding_facts
from labkit.gguf.header import GgufHeader, Value
from labkit.gguf.tensor_checks import GATED_DELTA_NET

MAX_LAYERS = 512
MAX_EXPERTS = 512
NOT_A_MODEL = {
    "mmproj": "it is a vision or audio projector, not a language model",
    "adapter": "it is a LoRA adapter, not a model",
    "imatrix": "it is an importance matrix, not a model",
    "vocab": "it holds a vocabulary only",
}
REQUIRED = ("block_count", "embedding_length", "context_length")
BOUNDS = {
    "block_count": (1, MAX_LAYERS),
    "embedding_length": (1, 1 << 20),
    "context_length": (1, 1 << 30),
    "feed_forward_length": (0, 1 << 24),
    "attention.head_count": (0, 1 << 16),
    "attention.head_count_kv": (0, 1 << 16),
    "attention.key_length": (1, 1 << 16),
    "attention.value_length": (1, 1 << 16),
    "attention.sliding_window": (0, 1 << 30),
    "expert_count": (0, MAX_EXPERTS),
    "expert_used_count": (0, MAX_EXPERTS),
    "rope.dimension_count": (0, 1 << 16),
    "ssm.conv_kernel": (0, 1 << 10),
    "ssm.inner_size": (0, 1 << 24),
    "ssm.state_size": (0, 1 << 16),
    "ssm.group_count": (0, 1 << 16),
    "vocab_size": (1, 1 << 26),
    "pooling_type": (0, 4),
    "classifier.pooling_type": (0, 4),
}
POSITIVE = ("attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon")
# The graphs of these rotate whole heads, and assert it after everything is loaded.
ROTATE_WHOLE_HEADS = {
    "granite", "internlm2", "llama", "mistral3", "olmo2", "olmoe", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe",
    "qwen3vl", "qwen3vlmoe", "smollm3", "starcoder2",
}  # fmt: skip
ROPE_SCALINGS = {"none", "linear", "yarn", "longrope"}
FINITE = ("rope.freq_base", "rope.scaling.factor", "rope.scaling.attn_factor", "attention.scale", "logit_scale")


def check_hyperparameters(header: GgufHeader) -> None:
    """Raise InvalidModelFileError for a file that is no model, or whose sizes contradict each other."""
    _check_kind(header)
    architecture = header.text("general.architecture")
    for name in REQUIRED:
        if header.integer(f"{architecture}.{name}") is None:
            raise invalid(header.path, f"its metadata lacks '{architecture}.{name}'")
    num_layers = header.integer(f"{architecture}.block_count") or 0
    for name, (low, high) in BOUNDS.items():
        _check_range(header, f"{architecture}.{name}", low, high, num_layers)
    _check_floats(header, architecture or "")
    _check_experts(header, architecture or "")
    _check_heads(header, architecture or "")
    _check_rotation(header, architecture or "")
    _check_state(header, architecture or "")
    _check_layers(header, architecture or "", num_layers)
    _check_embedding(header, architecture or "")


def _check_kind(header: GgufHeader) -> None:
    kind = header.text("general.type") or "model"
    architecture = header.text("general.architecture")
    if architecture == "clip":
        kind = "mmproj"
    if kind in NOT_A_MODEL:
        raise invalid(header.path, NOT_A_MODEL[kind], hint="name the file of the model itself")
    if not architecture:
        raise invalid(header.path, "its metadata lacks 'general.architecture'")
    part, parts = header.integer("split.no"), header.integer("split.count")
    if part and parts and parts > 1:
        raise invalid(
            header.path,
            f"it is part {part + 1} of {parts}",
            hint="name the first part (-00001-of-), the others are found beside it",
        )
    if not header.tensors:
        raise invalid(header.path, "it holds no tensors", hint="name the file of the model itself")


def _check_range(header: GgufHeader, key: str, low: int, high: int, num_layers: int) -> None:
    value = header.metadata.get(key)
    if value is None:
        return
    for number in _integers(header, key, value, num_layers):
        if not low <= number <= high:
            raise invalid(header.path, f"'{key}' is {number}, not within {low} to {high}")


def _integers(header: GgufHeader, key: str, value: Value, num_layers: int) -> list[int]:
    # Many keys may be one number for all layers, or an array with one for each.
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if isinstance(value, array) and value.typecode not in "fd":
        if len(value) != num_layers:
            raise invalid(header.path, f"'{key}' has {len(value)} entries for {num_layers} layers")
        return [int(number) for number in value]
    raise invalid(header.path, f"'{key}' is not a whole number")


def _check_floats(header: GgufHeader, architecture: str) -> None:
    for name in (*POSITIVE, *FINITE):
        key = f"{architecture}.{name}"
        value = header.metadata.get(key)
        if value is None:
            continue
        if not isinstance(value, float) or not math.isfinite(value) or (name in POSITIVE and value <= 0):
            wanted = "positive" if name in POSITIVE else "finite"
            raise invalid(header.path, f"'{key}' is {value!r}, not a {wanted} number")


def _check_layers(header: GgufHeader, architecture: str, num_layers: int) -> None:
    scaling = header.text(f"{architecture}.rope.scaling.type")
    if scaling is not None and scaling not in ROPE_SCALINGS:
        raise invalid(header.path, f"it scales positions by the unknown method '{scaling}'")
    for name in ("nextn_predict_layers", "attention.shared_kv_layers"):
        number = header.integer(f"{architecture}.{name}") or 0
        if not 0 <= number < num_layers:
            raise invalid(header.path, f"'{architecture}.{name}' is {number}, it has {num_layers} layers")
    # A layer that attends needs heads: zero is for recurrent layers, which have no such tensor.
    attending = {tensor.name for tensor in header.tensors if ".attn_q.weight" in tensor.name}
    for name in ("attention.head_count", "attention.head_count_kv"):
        counts = header.numbers(f"{architecture}.{name}")
        for layer, count in enumerate(counts if counts is not None else ()):
            if count == 0 and f"blk.{layer}.attn_q.weight" in attending:
                raise invalid(header.path, f"'{architecture}.{name}' is 0 in layer {layer}, which has attention")


def _check_embedding(header: GgufHeader, architecture: str) -> None:
    """llama.cpp reads as many scores as there are labels from a head whose size it does not always check."""
    facts = embedding_facts(header)
    if facts.num_scores and facts.num_scores != max(len(facts.labels), 1):
        labels = max(len(facts.labels), 1)
        raise invalid(header.path, f"its classification head has {facts.num_scores} outputs for {labels} labels")
    hidden, heads = (header.integer(f"{architecture}.{key}") for key in ("embedding_length", "attention.head_count"))
    states_length = header.integer(f"{architecture}.attention.key_length") is not None
    if facts.is_encoder and hidden and heads is not None and not states_length and (heads == 0 or hidden % heads):
        raise invalid(header.path, f"{heads} attention heads cannot share {hidden} numbers")


def _check_experts(header: GgufHeader, architecture: str) -> None:
    total = header.integer(f"{architecture}.expert_count") or 0
    per_layer = header.numbers(f"{architecture}.expert_used_count")
    used = header.integer(f"{architecture}.expert_used_count") or int(max(per_layer or (), default=0))
    if used > total or (total > 0 and used == 0):
        raise invalid(header.path, f"it says that {used} of {total} experts are used")


def _check_heads(header: GgufHeader, architecture: str) -> None:
    heads = header.integer(f"{architecture}.attention.head_count")
    kv_heads = header.integer(f"{architecture}.attention.head_count_kv")
    if heads and kv_heads and heads % kv_heads:
        raise invalid(header.path, f"{heads} attention heads cannot share {kv_heads} KV heads")
    if heads == 0 and kv_heads:
        raise invalid(header.path, f"it has {kv_heads} KV heads and no attention heads")


def _check_rotation(header: GgufHeader, architecture: str) -> None:
    rotated = header.integer(f"{architecture}.rope.dimension_count")
    hidden, heads = (header.integer(f"{architecture}.{key}") for key in ("embedding_length", "attention.head_count"))
    size = header.integer(f"{architecture}.attention.key_length") or (hidden // heads if hidden and heads else None)
    if rotated is not None and rotated % 2:
        raise invalid(header.path, f"it rotates {rotated} numbers of a head, which go in pairs")
    if architecture in ROTATE_WHOLE_HEADS and rotated is not None and size is not None and rotated != size:
        raise invalid(header.path, f"it rotates {rotated} numbers of a head, a head has {size}")


def _check_state(header: GgufHeader, architecture: str) -> None:
    """Value heads of a gated delta net are shared out among its key heads."""
    values, keys = (header.integer(f"{architecture}.ssm.{name}") for name in ("time_step_rank", "group_count"))
    if architecture in GATED_DELTA_NET and values and keys is not None and (keys == 0 or values % keys):
        raise invalid(header.path, f"{keys} key heads cannot share {values} value heads")
