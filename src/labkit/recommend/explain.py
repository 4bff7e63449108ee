"""Every term of an estimate with its numbers and its source: the answer to `--explain`. Pure.

Formulas are those of `labkit.estimate`; here they are asked for one part at a time, and written out.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from labkit.catalog import CatalogModel, architecture
from labkit.errors import InputError
from labkit.estimate import (
    ContextSettings,
    Machine,
    Placement,
    Weights,
    cache_bytes,
    compute_bytes,
    missing_facts,
    place,
    weights_of_catalog,
)
from labkit.estimate.memory import KV_BYTES, STATE_BYTES, output_bytes
from labkit.model import LayerMemory, ModelArchitecture
from labkit.recommend.choice import candidates, choose, options, pinned_file
from labkit.recommend.evidence import num_parameters
from labkit.recommend.explain_speed import speed_terms
from labkit.recommend.projector import Projector, find_projector, with_projector
from labkit.recommend.terms import Term
from labkit.recommend.wish import Wish
from labkit.units import render_byte_range, render_bytes


@dataclass(frozen=True, slots=True)
class Explanation:
    """One model at one quantization on one machine.

    Attributes:
        terms: memory, then speed.
        verdict: how it fits.
    """

    model_id: str
    quantization: str
    placement: Placement
    terms: tuple[Term, ...]
    verdict: str


def explain(model: CatalogModel, quantization: str | None, machine: Machine, wish: Wish) -> Explanation:
    """The terms of one estimate. `quantization` None takes the one that would be recommended, else the first to try.

    Raises InputError for a model whose shape, or file whose size, is not known.
    """
    shape = architecture(model)
    if missing := missing_facts(shape):
        raise InputError(f"{model.id} cannot be estimated: {missing}", hint=f"labkit models show {model.id}")
    name = quantization or _usual(model, machine, wish)
    weights = weights_of_catalog(model, name)
    if weights is None:
        raise InputError(
            f"the size of {model.id} as {name} is not known", hint=f"labkit recommend --explain {model.id}:Q4_K_M"
        )
    projector = find_projector(model) if wish.goal == "vision" else None
    placement = place(shape, with_projector(weights, projector), machine, wish.context)
    if placement is None:
        raise InputError(f"{model.id} cannot be estimated", hint=f"labkit models show {model.id}")
    terms = [
        *_file_terms(model, name),
        *_weight_terms(weights, projector, model),
        *_cache_terms(shape, placement.context),
        *_buffer_terms(shape, placement),
        *_total_terms(placement),
        *speed_terms(shape, weights, machine, placement),
    ]
    return Explanation(model.id, name, placement, tuple(terms), _verdict(placement))


def _usual(model: CatalogModel, machine: Machine, wish: Wish) -> str:
    good, _ = options(model, machine, wish)
    if good:
        return choose(good, machine, wish).quantization
    names = [name for name, _ in candidates(model)]
    return "Q4_K_M" if "Q4_K_M" in names or not names else names[0]


def _file_terms(model: CatalogModel, quantization: str) -> Iterator[Term]:
    file = pinned_file(model, quantization)
    if file is None:
        repos = ", ".join(model.gguf_repos[:2]) or "no known repository"
        yield Term("file", "no file with a known hash", f"look in {repos}")
        return
    yield Term("file", f"{file.repo} {file.file}", f"sha256 {file.sha256}")


def _weight_terms(weights: Weights, projector: Projector | None, model: CatalogModel) -> Iterator[Term]:
    low, high = weights.size_bytes
    parameters = num_parameters(model)
    bits = f", {(low + high) / 2 * 8 / parameters:.2f} bits per weight" if parameters else ""
    yield Term("weights", render_byte_range(low, high), f"{weights.source}{bits}", low, high)
    if weights.expert_bytes:
        yield Term("  of them experts", render_bytes(weights.expert_bytes), "all experts of all layers")
    if weights.host_bytes:
        yield Term("  read by row", render_bytes(weights.host_bytes), "embeddings that stay in system memory")
    if projector is not None:
        size = render_byte_range(*projector.size_bytes) if projector.source else "unknown, not counted"
        yield Term("projector", size, projector.source or projector.file.file, *projector.size_bytes)


def _cache_terms(shape: ModelArchitecture, context: ContextSettings) -> Iterator[Term]:
    """One line for each kind of layer: layers x cells x elements x bytes."""
    for layer, count in Counter(shape.layers or ()).items():
        if not layer.key_size and not layer.state_size:
            yield Term("layers without a cache", f"{count}", "they use the cache of earlier ones")
            continue
        size = cache_bytes((layer,) * count, context)
        if layer.key_size:
            yield Term(_kind(layer), render_bytes(size), _cells(layer, count, size, context), size, size)
        if layer.state_size:
            words = f"{count} layers x {layer.state_size:,} f32 x {context.num_sequences} sequences, at any context"
            state = count * layer.state_size * STATE_BYTES * context.num_sequences
            yield Term("recurrent state", render_bytes(state), words, state, state)


def _kind(layer: LayerMemory) -> str:
    if layer.window_tokens is not None:
        return f"KV cache, window {layer.window_tokens:,}"
    return "KV cache (MLA row)" if not layer.value_size else "KV cache"


def _cells(layer: LayerMemory, count: int, size: int, context: ContextSettings) -> str:
    width = KV_BYTES[context.kv_type]
    per_cell = (layer.key_size + layer.value_size) * width
    cells = round((size - layer.state_size * STATE_BYTES * count) / (count * per_cell))
    elements = f"({layer.key_size:,} K + {layer.value_size:,} V)" if layer.value_size else f"{layer.key_size:,} K"
    return f"{count} layers x {cells:,} cells x {elements} x {width:g} B ({context.kv_type})"


def _buffer_terms(shape: ModelArchitecture, placement: Placement) -> Iterator[Term]:
    context = placement.context
    compute = compute_bytes(shape, context)
    if compute is not None:
        words = f"bound for {context.ubatch_tokens} tokens at once, flash attention {_on(context.flash_attention)}"
        yield Term("compute buffer", f"at most {render_bytes(compute)}", words, None, compute)
    rows = max(context.num_sequences, context.num_outputs or 0)
    output = output_bytes(shape, context)
    words = f"{rows} rows x {shape.vocab_size or 0:,} tokens x 4 B, in system memory"
    yield Term("output", render_bytes(output), words, output, output)
    yield Term(
        "left free",
        render_bytes(placement.memory.reserve_bytes),
        "the device's own context, and 3 % but at least 512 MiB",
        None,
        placement.memory.reserve_bytes,
    )


def _total_terms(placement: Placement) -> Iterator[Term]:
    memory = placement.memory
    yield Term("needs", render_byte_range(memory.low, memory.high), "certain, to all bounds", memory.low, memory.high)
    yield Term("must be free", render_bytes(memory.required), f"on {placement.device}", None, memory.required)
    if placement.ram_bytes:
        yield Term("  in system memory", render_bytes(placement.ram_bytes), placement.reason, None, placement.ram_bytes)
    budget = placement.budget_bytes
    yield Term("budget", render_bytes(budget), "what a model may use there", budget, budget)


def _verdict(placement: Placement) -> str:
    reason = f": {placement.reason}" if placement.reason else ""
    if placement.fit == "no":
        return f"does not fit{reason}"
    tokens = f" with {placement.context.context_tokens:,} tokens" if placement.fit == "fits at less context" else ""
    return f"{placement.fit}{tokens} on {placement.device}{reason}"


def _on(flag: bool) -> str:
    return "on" if flag else "off"
