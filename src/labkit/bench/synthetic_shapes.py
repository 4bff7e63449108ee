"""From a row of the catalogue to the shape of a synthetic file. Where a size was never read, it says which."""

from dataclasses import replace

from labkit.catalog import Attention, Catalog, CatalogModel, Shape
from labkit.engine.synthetic import ExpertShape, Gemma4Shape, RecurrentShape, SyntheticShape, plan_synthetic
from labkit.errors import InputError

# llama.cpp's architecture by family, and of those with experts.
ARCHITECTURES = {
    "deepseek-r1-distill": "qwen2", "devstral2": "mistral3", "gemma3": "gemma3", "gemma4": "gemma4",
    "granite4.0": "granitehybrid", "granite4.1": "granite", "granite4.2": "granite", "lfm2.5": "lfm2",
    "llama3.1": "llama", "llama3.2": "llama", "llama3.3": "llama", "ministral3": "mistral3", "phi4": "phi3",
    "qwen2.5": "qwen2", "qwen2.5-coder": "qwen2", "qwen3": "qwen3", "qwen3-embedding": "qwen3",
    "qwen3.5": "qwen35", "qwen3.6": "qwen35", "qwen3.8": "qwen35", "smollm2": "llama", "smollm3": "smollm3",
}  # fmt: skip
EXPERT_ARCHITECTURES = {
    "gemma4": "gemma4", "gpt-oss": "gpt-oss", "granite4.0": "granitehybrid", "lfm2.5": "lfm2moe",
    "qwen3": "qwen3moe", "qwen3-coder": "qwen3moe", "qwen3-next": "qwen3next", "qwen3.5": "qwen35moe",
    "qwen3.6": "qwen35moe",
}  # fmt: skip
OTHER_FAMILY = {"deepseek-r1-0528-qwen3-8b": "qwen3"}  # rows whose architecture is not that of their family
MAMBA_HEAD_SIZE = 64
PARTIAL_ROPE = {"qwen35": 4, "qwen35moe": 4, "qwen3next": 4}  # one in so many elements of a head is rotated
# Dense layers in front of the experts, with their width (LiquidAI/LFM2-8B-A1B config.json).
LEADING_DENSE = {"lfm2.5-8b-a1b": (2, 7168)}
# What small-model benchmarks are quoted on; not in the catalogue, because nobody should start with it today.
REFERENCE_MODELS = (
    CatalogModel(
        id="qwen2.5-0.5b-instruct",
        family="qwen2.5",
        license="apache-2.0",
        capabilities=("chat",),
        source_repo="Qwen/Qwen2.5-0.5B-Instruct",
        context_tokens=32768,
        num_parameters=494032768,
        num_text_parameters=494032768,
        num_active_parameters=494032768,
        shape=Shape(24, 896, 4864, 14, 2, 64, 151936, tied_embeddings=True),
    ),
)


def with_reference_models(catalog: Catalog) -> Catalog:
    """The catalogue and the models that benchmarks are quoted on."""
    known = {model.id for model in catalog.models}
    return replace(catalog, models=(*catalog.models, *(model for model in REFERENCE_MODELS if model.id not in known)))


def synthetic_shape(model: CatalogModel) -> SyntheticShape:
    """Shape of a catalogue model's file. Pure.

    Raises InputError for an architecture that cannot be imitated, or with the sizes that the catalogue lacks.
    """
    name = _architecture(model)
    missing = _missing(model)
    if missing:
        raise InputError(
            f"the catalogue does not know the {' and '.join(missing)} of {model.id}",
            hint="take a model of the same size: labkit models list",
        )
    return _as_counted(_variants(model, name), model.num_text_parameters or model.num_parameters)


def _variants(model: CatalogModel, name: str) -> tuple[SyntheticShape, ...]:
    """Shapes that the catalogue's facts allow, the likeliest first."""
    tied = model.shape.tied_embeddings
    shape = _shape(model, name, tied_embeddings=bool(tied))
    if tied is None:
        return shape, replace(shape, tied_embeddings=True)
    if shape.gemma4 and shape.gemma4.shared_kv_layers:
        return shape, replace(shape, gemma4=replace(shape.gemma4, wide_borrowers=True))
    return (shape,)


def _as_counted(variants: tuple[SyntheticShape, ...], published: int | None) -> SyntheticShape:
    """The variant that comes nearest to the published number of parameters."""
    if published is None or len(variants) == 1:
        return variants[0]
    return min(variants, key=lambda shape: abs(plan_synthetic(shape, "F16").num_parameters - published))


def _architecture(model: CatalogModel) -> str:
    known = EXPERT_ARCHITECTURES if model.shape.experts else ARCHITECTURES
    name = OTHER_FAMILY.get(model.id) or known.get(model.family)
    if name is None:
        raise InputError(
            f"labkit has no rule for the tensors of {model.id}",
            hint=f"families it can imitate: {', '.join(sorted({*ARCHITECTURES, *EXPERT_ARCHITECTURES}))}",
        )
    return name


def _missing(model: CatalogModel) -> list[str]:
    shape, attention = model.shape, model.attention
    wanted = {
        "number of layers": shape.num_layers, "hidden size": shape.hidden_size, "attention heads": shape.num_heads,
        "KV heads": shape.num_kv_heads, "head size": shape.head_dim, "vocabulary size": shape.vocab_size,
        "feed-forward size": shape.ffn_size or shape.experts,
    }  # fmt: skip
    if shape.experts:
        wanted["expert size"] = shape.experts.expert_ffn_size
    if attention.kind == "sliding":
        wanted |= {"attention window": attention.window_tokens, "pattern of windows": attention.global_every}
    if attention.kind in {"gated_delta_net", "mamba2"}:
        wanted |= {"inner size of the state": attention.inner_size, "state size": attention.state_size}
    if attention.kind in {"gated_delta_net", "mamba2", "shortconv"}:
        wanted["places of attention"] = attention.attention_every or attention.attention_layers
    return [name for name, value in wanted.items() if not value]


def _shape(model: CatalogModel, name: str, *, tied_embeddings: bool) -> SyntheticShape:
    shape, attention = model.shape, model.attention
    experts = _experts(model)
    head_dim = shape.head_dim or 0
    return SyntheticShape(
        name=model.id,
        architecture=name,
        num_layers=shape.num_layers or 0,
        hidden_size=shape.hidden_size or 0,
        ffn_size=_ffn_size(model, name, experts),
        num_heads=shape.num_heads or 0,
        num_kv_heads=shape.num_kv_heads or 0,
        head_dim=head_dim,
        vocab_size=shape.vocab_size or 0,
        context_tokens=model.context_tokens or 4096,
        tied_embeddings=tied_embeddings,
        window_tokens=attention.window_tokens or 0 if attention.kind == "sliding" else 0,
        global_every=attention.global_every or 0,
        rope_dim=head_dim // PARTIAL_ROPE[name] if name in PARTIAL_ROPE else 0,
        rope_factors=model.family.startswith("llama3"),
        experts=experts,
        recurrent=_recurrent(shape, attention),
        gemma4=_gemma4(attention) if name == "gemma4" else None,
    )


def _gemma4(attention: Attention) -> Gemma4Shape:
    return Gemma4Shape(
        attention.head_dim_global or 0,
        attention.num_kv_heads_global or 0,
        attention.shared_kv_layers,
        attention.per_layer_embedding_size or 0,
    )


def _experts(model: CatalogModel) -> ExpertShape | None:
    experts = model.shape.experts
    if experts is None:
        return None
    leading, _ = LEADING_DENSE.get(model.id, (0, 0))
    return ExpertShape(
        experts.num_experts, experts.num_used, experts.expert_ffn_size or 0, experts.shared_ffn_size or 0, leading
    )


def _ffn_size(model: CatalogModel, name: str, experts: ExpertShape | None) -> int:
    """Width of the dense block; of a mixture what its files state there."""
    if model.id in LEADING_DENSE:
        return LEADING_DENSE[model.id][1]
    if experts is None or model.shape.ffn_size:
        return model.shape.ffn_size or 0
    # Granite's experts take their width from this key.
    return experts.expert_ffn_size if name == "granitehybrid" else experts.expert_ffn_size * experts.num_used


def _recurrent(shape: Shape, attention: Attention) -> RecurrentShape | None:
    if attention.kind not in {"gated_delta_net", "mamba2", "shortconv"}:
        return None
    layers = _attention_layers(shape.num_layers or 0, attention)
    if attention.kind == "shortconv":
        return RecurrentShape(attention.cache_tokens or 3, layers)
    inner, state = attention.inner_size or 0, attention.state_size or 1
    head_size = MAMBA_HEAD_SIZE if attention.kind == "mamba2" else state
    groups = attention.num_groups or 1
    return RecurrentShape(attention.conv_kernel or 4, layers, inner, state, groups, inner // head_size)


def _attention_layers(num_layers: int, attention: Attention) -> tuple[int, ...]:
    """Where the attention layers stand; spread evenly where the catalogue knows only how many there are."""
    if every := attention.attention_every:
        return tuple(layer for layer in range(num_layers) if (layer + 1) % every == 0)
    count = attention.attention_layers or 0
    return tuple((2 * number + 1) * num_layers // (2 * count) for number in range(count))
