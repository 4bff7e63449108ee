"""From the keys of a header to the shape of the model, and to what each of its layers remembers.

Rules as llama.cpp applies them (src/llama-hparams.cpp and src/models/*.cpp, vendored in llama-cpp-python 0.3.36).
An architecture with keys that no rule here covers gets `layers=None` and a reason, never a guess.
"""

from array import array
from dataclasses import dataclass

from labkit.gguf.header import GgufHeader
from labkit.model import LayerMemory, MixtureOfExperts, ModelArchitecture

# One global layer in so many, the last of each group; files of these architectures do not write the pattern.
GLOBAL_EVERY = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "gpt-oss": 2, "cohere2": 4, "exaone4": 4}
# The file may name a window that llama.cpp does not use.
WINDOW_IGNORED = {"llama", "mistral3", "phi3", "qwen2", "qwen2moe", "qwen3", "qwen3moe", "starcoder2"}
# Linear attention in all layers but one in so many.
GATED_DELTA_NET = {"qwen35", "qwen35moe", "qwen3next"}
# Layers without KV heads are recurrent; those with a feed-forward size of their own are not (Nemotron-H).
HYBRID_BY_KV_HEADS = {"granitehybrid", "jamba", "lfm2", "lfm2moe", "nemotron_h", "nemotron_h_moe"}
PURE_RECURRENT = {"mamba", "mamba2"}
FOREIGN_STATE = (".wkv.", ".kda.", "time_mix", ".xlstm.")


def architecture(header: GgufHeader) -> ModelArchitecture:
    """The shape that `header` describes. Pure; unknown is None."""
    keys = _Keys(header)
    experts = keys.integer("expert_count")
    vocabulary = header.strings("tokenizer.ggml.tokens")
    layers, reason = _layers(keys)
    names = {tensor.name for tensor in header.tensors}
    return ModelArchitecture(
        architecture=keys.name,
        num_layers=keys.integer("block_count"),
        hidden_size=keys.integer("embedding_length"),
        ffn_size=keys.largest("feed_forward_length"),
        num_heads=keys.largest("attention.head_count"),
        num_kv_heads=keys.largest("attention.head_count_kv") or keys.largest("attention.head_count"),
        head_dim=keys.key_length(),
        vocab_size=len(vocabulary) if vocabulary else keys.integer("vocab_size"),
        context_tokens=keys.integer("context_length"),
        num_parameters=sum(tensor.num_elements for tensor in header.tensors) or None,
        experts=None if not experts else MixtureOfExperts(
            experts, keys.integer("expert_used_count") or experts, keys.integer("expert_feed_forward_length")
        ),
        embedding_size=keys.integer("embedding_length") if keys.is_encoder else None,
        tied_embeddings="output.weight" not in names if "token_embd.weight" in names else None,
        per_layer_embedding_size=keys.integer("embedding_length_per_layer_input") or None,
        layers=layers,
        layers_unknown=reason,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Keys:
    header: GgufHeader

    @property
    def name(self) -> str:
        return self.header.text("general.architecture") or "unknown"

    @property
    def num_layers(self) -> int:
        return self.integer("block_count") or 0

    @property
    def is_encoder(self) -> bool:
        return self.header.metadata.get(f"{self.name}.attention.causal") is False

    def integer(self, key: str) -> int | None:
        return self.header.integer(f"{self.name}.{key}")

    def per_layer(self, key: str) -> tuple[int, ...]:
        """One number for each layer, whether the file writes one or all; () when absent."""
        value = self.header.metadata.get(f"{self.name}.{key}")
        if isinstance(value, array):
            return tuple(int(number) for number in value)
        return (value,) * self.num_layers if isinstance(value, int) else ()

    def largest(self, key: str) -> int | None:
        """The largest of `per_layer`, None when it is absent or 0 throughout."""
        return max(self.per_layer(key), default=0) or None

    def key_length(self) -> int | None:
        """Size of the largest key head: stated, or what the hidden size leaves for each head."""
        heads = self.largest("attention.head_count")
        hidden = self.integer("embedding_length") or 0
        return self.integer("attention.key_length") or (hidden // heads if heads and hidden else None)


def _layers(keys: _Keys) -> tuple[tuple[LayerMemory, ...] | None, str]:
    """What each layer remembers, or None and why."""
    if keys.is_encoder:
        return (LayerMemory(),) * keys.num_layers, ""
    for part in FOREIGN_STATE:
        if any(part in key for key in keys.header.metadata):
            return None, f"the recurrent state of '{keys.name}' is not known to labkit"
    attention = _attention(keys)
    if attention is None:
        return None, f"the attention pattern of '{keys.name}' is not known to labkit"
    if keys.integer("ssm.state_size") is None and keys.integer("shortconv.l_cache") is None:
        return _without_borrowers(keys, attention), ""
    recurrent = _recurrent(keys)
    if recurrent is None:
        return None, f"which layers of '{keys.name}' are recurrent is not known to labkit"
    state = LayerMemory(state_size=_state_size(keys))
    feed_forward = keys.per_layer("feed_forward_length") if "nemotron" in keys.name else ()
    mixed = [
        (LayerMemory() if feed_forward and feed_forward[i] else state) if recurrent[i] else attention[i]
        for i in range(keys.num_layers)
    ]
    return _without_borrowers(keys, tuple(mixed)), ""


def _attention(keys: _Keys) -> tuple[LayerMemory, ...] | None:
    """Every layer as if it were an attention layer; None when the window pattern is unknown."""
    global_layer = _global_layers(keys)
    if global_layer is None:
        return None
    kv_heads = keys.per_layer("attention.head_count_kv") or keys.per_layer("attention.head_count")
    key = keys.key_length() or 0
    value = keys.integer("attention.value_length") or key
    key_sliding = keys.integer("attention.key_length_swa") or key
    value_sliding = keys.integer("attention.value_length_swa") or value
    if keys.integer("attention.key_length_mla"):  # MLA: one compressed row for K and V together
        value = value_sliding = 0
    window = keys.integer("attention.sliding_window")
    if len(kv_heads) != keys.num_layers or not key:
        kv_heads = (0,) * keys.num_layers if keys.name in PURE_RECURRENT else ()
    return tuple(
        LayerMemory(heads * key, heads * value) if is_global else
        LayerMemory(heads * key_sliding, heads * value_sliding, window)
        for heads, is_global in zip(kv_heads, global_layer, strict=True)
    ) if kv_heads else None  # fmt: skip


def _global_layers(keys: _Keys) -> tuple[bool, ...] | None:
    """Whether each layer sees the whole context; None when the file has a window and no rule says where."""
    everywhere = (True,) * keys.num_layers
    if not keys.integer("attention.sliding_window") or keys.name in WINDOW_IGNORED:
        return everywhere
    pattern = keys.per_layer("attention.sliding_window_pattern")
    stated = keys.header.metadata.get(f"{keys.name}.attention.sliding_window_pattern")
    if isinstance(stated, array) and len(pattern) == keys.num_layers:
        return tuple(not sliding for sliding in pattern)
    every = stated if isinstance(stated, int) and stated > 0 else GLOBAL_EVERY.get(keys.name)
    return tuple((i + 1) % every == 0 for i in range(keys.num_layers)) if every else None


def _recurrent(keys: _Keys) -> tuple[bool, ...] | None:
    if keys.name in PURE_RECURRENT:
        return (True,) * keys.num_layers
    if keys.name in GATED_DELTA_NET:
        interval = keys.integer("full_attention_interval") or 4
        return tuple((i + 1) % interval != 0 for i in range(keys.num_layers))
    kv_heads = keys.per_layer("attention.head_count_kv")
    if keys.name in HYBRID_BY_KV_HEADS and len(kv_heads) == keys.num_layers:
        return tuple(heads == 0 for heads in kv_heads)
    return None


def _state_size(keys: _Keys) -> int:
    """f32 elements per recurrent layer and sequence: convolution window and state (n_embd_r + n_embd_s)."""
    if cache := keys.integer("shortconv.l_cache"):
        return (keys.integer("embedding_length") or 0) * (cache - 1)
    inner = keys.integer("ssm.inner_size") or 0
    state = keys.integer("ssm.state_size") or 0
    groups = keys.integer("ssm.group_count") or 0
    convolution = max((keys.integer("ssm.conv_kernel") or 0) - 1, 0)
    return convolution * (inner + 2 * groups * state) + state * inner


def _without_borrowers(keys: _Keys, layers: tuple[LayerMemory, ...]) -> tuple[LayerMemory, ...]:
    """The last layers may use the cache of earlier ones, or predict further tokens and stay unused."""
    borrowers = (keys.integer("attention.shared_kv_layers") or 0) + (keys.integer("nextn_predict_layers") or 0)
    kept = max(len(layers) - borrowers, 0)
    return layers[:kept] + (LayerMemory(),) * (len(layers) - kept)
