"""Sizes that contradict each other, or that no program expects."""

from fakes import gguf_writer as writer
from fakes.gguf_mutants.bases import any_base
from fakes.gguf_mutants.numbers import FLOATS, floating, integer, other_value
from fakes.gguf_writer import Typed

INTEGER_KEYS = (
    "attention.sliding_window", "attention.key_length", "attention.value_length", "expert_count", "expert_used_count",
    "expert_feed_forward_length", "expert_shared_count", "expert_group_count", "expert_group_used_count",
    "expert_gating_func", "nextn_predict_layers", "leading_dense_block_count", "interleave_moe_layer_step",
    "moe_every_n_layers", "vocab_size", "pooling_type", "attention.shared_kv_layers", "rope.dimension_count",
    "rope.scaling.original_context_length", "attention.q_lora_rank", "attention.kv_lora_rank", "attention.indexer.top_k",  # noqa: E501
    "attention.key_length_mla", "attention.value_length_mla", "attention.key_length_swa", "ssm.conv_kernel",
    "ssm.inner_size", "ssm.state_size", "ssm.time_step_rank", "ssm.group_count", "shortconv.l_cache",
    "full_attention_interval", "attention.sliding_window_pattern", "embedding_length_per_layer_input",
    "expert_shared_feed_forward_length", "n_deepstack_layers", "attention.group_norm_groups", "wkv.head_size",
    "decoder_block_count", "decoder_start_token_id", "embedding_length_out", "swin_norm", "altup.num_inputs",
)  # fmt: skip
FLOAT_KEYS = (
    "attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon", "attention.group_norm_epsilon",
    "rope.freq_base", "rope.freq_base_swa", "rope.scaling.factor", "rope.scaling.attn_factor", "rope.scale_linear",
    "rope.scaling.yarn_log_multiplier", "rope.scaling.yarn_ext_factor", "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow", "attention.scale", "attention.clamp_kqv", "attention.max_alibi_bias", "logit_scale",
    "embedding_scale", "residual_scale", "attn_logit_softcapping", "final_logit_softcapping", "expert_weights_scale",
    "attention.temperature_scale", "attention.temperature_length", "router_logit_softcapping",
)  # fmt: skip
BOOL_KEYS = ("attention.causal", "use_parallel_residual", "expert_weights_norm", "swin_norm", "ssm.dt_b_c_rms")
ARCHITECTURES = (
    "llama", "llama4", "qwen2", "qwen3", "qwen3moe", "qwen35", "gemma", "gemma2", "gemma3", "gemma3n", "gemma4", "phi2",
    "phi3", "falcon", "bert", "nomic-bert", "t5", "t5encoder", "mamba", "mamba2", "jamba", "rwkv6", "rwkv7", "deepseek",
    "deepseek2", "gpt2", "gptj", "gptneox", "bloom", "starcoder", "command-r", "olmo2", "openelm", "chatglm", "glm4",
    "gpt-oss", "lfm2", "mistral3", "minicpm", "stablelm", "clip", "wavtokenizer-dec", "arwkv7", "plamo2", "dream",
    "llada", "exaone4", "granitehybrid", "nemotron_h", "cohere2", "kimi-linear", "unknown-to-all",
)  # fmt: skip


def _architecture(document):
    value = document.get("general.architecture")
    return value.decode() if isinstance(value, bytes) else value


def _own_keys(document):
    return document.keys(_architecture(document) + ".")


def own_key(rng):
    """A key that the file has gets another value."""
    name, document = any_base(rng)
    key = rng.choice(_own_keys(document))
    return name, document.setting(key, other_value(rng, document.typed(key))).to_bytes()


def two_own_keys(rng):
    name, document = any_base(rng)
    for key in rng.sample(_own_keys(document), 2):
        document = document.setting(key, other_value(rng, document.typed(key)))
    return name, document.to_bytes()


def missing_key(rng):
    name, document = any_base(rng)
    return name, document.setting(rng.choice([*_own_keys(document), "general.architecture"]), None).to_bytes()


def foreign_key(rng):
    """A key of other architectures, or an optional one."""
    name, document = any_base(rng)
    prefix = _architecture(document)
    for _ in range(rng.choice((1, 1, 2))):
        which = rng.random()
        if which < 0.55:
            document = document.setting(f"{prefix}.{rng.choice(INTEGER_KEYS)}", integer(rng))
        elif which < 0.9:
            document = document.setting(f"{prefix}.{rng.choice(FLOAT_KEYS)}", floating(rng))
        else:
            document = document.setting(f"{prefix}.{rng.choice(BOOL_KEYS)}", rng.random() < 0.5)
    return name, document.to_bytes()


def epsilon(rng):
    name, document = any_base(rng)
    keys = [key for key in _own_keys(document) if key.endswith("epsilon")]
    return name, document.setting(rng.choice(keys), rng.choice(FLOATS)).to_bytes()


def layers(rng):
    name, document = any_base(rng)
    key = f"{_architecture(document)}.block_count"
    old = document.get(key)
    return name, document.setting(
        key, rng.choice((0, 1, old - 1, old + 1, 64, 511, 512, 513, 1024, 2**31, 2**32 - 1))
    ).to_bytes()


def heads(rng):
    name, document = any_base(rng)
    prefix, many = _architecture(document), rng.choice((0, 1, 2, 3, 5, 7, 8, 64, 65536, 2**31, 2**32 - 1))
    key = rng.choice(("attention.head_count", "attention.head_count_kv"))
    item = many
    if rng.random() < 0.4:
        count = document.get(f"{prefix}.block_count") + rng.choice((0, 0, 0, -1, 1))
        item = writer.uint32s([rng.choice((many % 2**32, 2, 0)) for _ in range(max(count, 0))])
    return name, document.setting(f"{prefix}.{key}", item).to_bytes()


def experts(rng):
    name, document = any_base(rng, among=("moe", "deepseek2", "gpt-oss") if rng.random() < 0.7 else ("spm", "nano"))
    prefix = _architecture(document)
    key = rng.choice(("expert_count", "expert_used_count", "expert_feed_forward_length", "expert_shared_count"))
    document = document.setting(f"{prefix}.{key}", integer(rng, near=4))
    if rng.random() < 0.4:
        document = document.setting(f"{prefix}.expert_used_count", rng.choice((0, 1, 3, 4, 5, 8, 9, 512, 513)))
    return name, document.to_bytes()


def rope(rng):
    name, document = any_base(rng)
    prefix = _architecture(document)
    kinds = ("none", "linear", "yarn", "longrope", "su", "", "x")
    document = document.setting(f"{prefix}.rope.scaling.type", rng.choice(kinds))
    document = document.setting(f"{prefix}.rope.scaling.factor", rng.choice(FLOATS))
    if rng.random() < 0.5:
        document = document.setting(f"{prefix}.rope.dimension_count", rng.choice((0, 1, 3, 8, 15, 17, 64, 65, 4096)))
    if rng.random() < 0.3:
        document = document.setting(
            f"{prefix}.rope.dimension_sections", writer.uint32s([rng.choice((0, 1, 8, 1000))] * 4)
        )
    return name, document.to_bytes()


def context(rng):
    name, document = any_base(rng)
    return name, document.setting(f"{_architecture(document)}.context_length", integer(rng)).to_bytes()


def vocabulary_size(rng):
    name, document = any_base(rng)
    near = len(document.get("tokenizer.ggml.tokens"))
    return name, document.setting(f"{_architecture(document)}.vocab_size", integer(rng, near=near)).to_bytes()


def per_layer(rng):
    """A number for all layers becomes an array, of the right or of another length."""
    name, document = any_base(rng)
    key = rng.choice([key for key in _own_keys(document) if isinstance(document.get(key), int)])
    count = document.get(f"{_architecture(document)}.block_count") + rng.choice((0, 0, 1, -1, 600))
    values = [rng.choice((document.get(key), 0, 1, 2**31 - 1)) for _ in range(max(count, 0))]
    kind = rng.choice((writer.UINT32, writer.UINT32, writer.INT32, writer.FLOAT32, writer.UINT64))
    values = [float(value) if kind == writer.FLOAT32 else value % 2**31 for value in values]
    return name, document.setting(key, Typed(writer.ARRAY, values, kind)).to_bytes()


def other_architecture(rng):
    """The file claims to be another model; with or without its keys renamed."""
    name, document = any_base(rng)
    old, new = _architecture(document), rng.choice(ARCHITECTURES)
    if rng.random() < 0.8:
        pairs = tuple(
            (key.replace(old.encode(), new.encode(), 1) if key.startswith(f"{old}.".encode()) else key, item)
            for key, item in document.pairs
        )
        document = document.with_(pairs=pairs)
    return name, document.setting("general.architecture", new).to_bytes()


KINDS = (
    own_key, own_key, two_own_keys, missing_key, foreign_key, foreign_key, epsilon, layers, heads, heads, experts,
    experts, rope, context, vocabulary_size, per_layer, other_architecture,
)  # fmt: skip
