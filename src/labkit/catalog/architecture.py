"""From a catalogue row to what each layer remembers: the rules of llama.cpp, from published sizes.

The same `ModelArchitecture` comes out of a GGUF header (`labkit.gguf`), which is exact; this is for models that
are not on disk yet. Where a size was not read in any source, `layers` is None and says which.
"""

from labkit.catalog.types import Attention, CatalogModel, Shape
from labkit.model import LayerMemory, MixtureOfExperts, ModelArchitecture

Layers = tuple[LayerMemory, ...]


def architecture(model: CatalogModel) -> ModelArchitecture:
    """Shape of a catalogue model. Pure; unknown is None."""
    shape, attention = model.shape, model.attention
    layers, unknown = layer_memory(shape, attention)
    experts = shape.experts
    head_dims = [shape.head_dim, attention.head_dim_global, _mla_row(attention)]
    return ModelArchitecture(
        architecture=model.family,
        num_layers=shape.num_layers,
        hidden_size=shape.hidden_size,
        ffn_size=shape.ffn_size,
        num_heads=shape.num_heads,
        num_kv_heads=shape.num_kv_heads,
        head_dim=max(filter(None, head_dims), default=None),
        vocab_size=shape.vocab_size,
        context_tokens=model.context_tokens,
        num_parameters=model.num_text_parameters or model.num_parameters,
        experts=MixtureOfExperts(experts.num_experts, experts.num_used, experts.expert_ffn_size) if experts else None,
        embedding_size=model.embedding_size,
        tied_embeddings=shape.tied_embeddings,
        per_layer_embedding_size=attention.per_layer_embedding_size,
        layers=layers,
        layers_unknown=unknown,
    )


def layer_memory(shape: Shape, attention: Attention) -> tuple[Layers | None, str]:
    """What each layer remembers, or None and what is missing."""
    if shape.num_layers is None:
        return None, "its number of layers is not in the catalogue"
    if attention.kind == "encoder":
        return (LayerMemory(),) * shape.num_layers, ""
    if attention.kind == "mla":
        row = _mla_row(attention)
        return ((LayerMemory(row),) * shape.num_layers, "") if row else (None, "its MLA sizes are not known")
    if shape.num_kv_heads is None or shape.head_dim is None:
        return None, "its KV heads are not in the catalogue"
    full = LayerMemory(shape.num_kv_heads * shape.head_dim, shape.num_kv_heads * shape.head_dim)
    if attention.kind == "full":
        return (full,) * shape.num_layers, ""
    if attention.kind == "sliding":
        return _sliding(shape, attention, full)
    return _recurrent(shape, attention, full)


def _mla_row(attention: Attention) -> int | None:
    if attention.kv_lora_rank is None or attention.rope_dim is None:
        return None
    return attention.kv_lora_rank + attention.rope_dim


def _sliding(shape: Shape, attention: Attention, full: LayerMemory) -> tuple[Layers | None, str]:
    if attention.window_tokens is None or attention.global_every is None:
        return None, "its attention window is not in the catalogue; the file's header has it"
    heads = attention.num_kv_heads_global or shape.num_kv_heads or 0
    size = heads * (attention.head_dim_global or shape.head_dim or 0)
    everywhere = LayerMemory(size, size)
    window = LayerMemory(full.key_size, full.value_size, attention.window_tokens)
    place = 0 if attention.global_first else attention.global_every - 1
    num_layers = shape.num_layers or 0
    owning = num_layers - attention.shared_kv_layers
    layers = [everywhere if i % attention.global_every == place else window for i in range(owning)]
    return (*layers, *(LayerMemory(),) * attention.shared_kv_layers), ""


def _recurrent(shape: Shape, attention: Attention, full: LayerMemory) -> tuple[Layers | None, str]:
    num_layers = shape.num_layers or 0
    with_attention, with_state = attention.attention_layers, attention.recurrent_layers
    if attention.attention_every:
        with_attention = num_layers // attention.attention_every
        with_state = num_layers - with_attention
    if with_attention is None or with_state is None:
        return None, "which of its layers are recurrent is not in the catalogue; the file's header has it"
    state_size = _state_size(shape, attention)
    if state_size is None:
        return None, "the size of its recurrent state is not in the catalogue; the file's header has it"
    idle = num_layers - with_attention - with_state
    state = LayerMemory(state_size=state_size)
    return (*(state,) * with_state, *(full,) * with_attention, *(LayerMemory(),) * idle), ""


def _state_size(shape: Shape, attention: Attention) -> int | None:
    """f32 elements per recurrent layer and sequence."""
    if attention.kind == "shortconv":
        if shape.hidden_size is None or attention.cache_tokens is None:
            return None
        return shape.hidden_size * (attention.cache_tokens - 1)
    inner, state, groups = attention.inner_size, attention.state_size, attention.num_groups
    if inner is None or state is None or groups is None or attention.conv_kernel is None:
        return None
    return (attention.conv_kernel - 1) * (inner + 2 * groups * state) + state * inner
