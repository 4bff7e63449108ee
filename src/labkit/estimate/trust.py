"""Memory of a model from the best source there is, and which one that was.

In this order: the native core's own sizing of a local file, formulas over a file's header, formulas over a row of the
catalogue. The first is exact and takes a process and a second; the others are a range and cost nothing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit.errors import NativeError
from labkit.estimate.memory import STATE_BYTES, ContextSettings, missing_facts, output_bytes
from labkit.estimate.native import NativeSize, size_natively
from labkit.estimate.placement import MARGIN_BYTES, MARGIN_SHARE, MemoryEstimate, estimate_memory
from labkit.estimate.weights import Weights
from labkit.model import ModelArchitecture
from labkit.units import GIB

MOST_STATE_BYTES = GIB
"""llama.cpp allocates and clears recurrent state even when it only sizes: more than this is not asked for."""

Trust = Literal["native sizing", "file header", "catalogue"]


@dataclass(frozen=True, slots=True)
class ModelEstimate:
    """Memory of a model with one context.

    Attributes:
        memory: None when no source could say.
        trust: where it comes from.
        note: why no better source was used, or why there is no figure; may be empty.
        native: the core's own figures by device, where they were used.
    """

    memory: MemoryEstimate | None
    trust: Trust
    note: str = ""
    native: NativeSize | None = None


def estimate_model(
    architecture: ModelArchitecture,
    weights: Weights,
    context: ContextSettings,
    *,
    path: Path | None = None,
) -> ModelEstimate:
    """Memory with one context. With the `path` of a local file the native core is asked first, which blocks."""
    return estimate_contexts(architecture, weights, (context,), path=path)[0]


def estimate_contexts(
    architecture: ModelArchitecture,
    weights: Weights,
    contexts: tuple[ContextSettings, ...],
    *,
    path: Path | None = None,
) -> tuple[ModelEstimate, ...]:
    """As `estimate_model`, for several contexts; the native core reads the file once."""
    if path is None:
        return tuple(_by_formula(architecture, weights, context, "") for context in contexts)
    if max(_state_bytes(architecture, context) for context in contexts) > MOST_STATE_BYTES:
        note = "the native core would really allocate the recurrent state"
        return tuple(_by_formula(architecture, weights, context, note) for context in contexts)
    try:
        sizes = size_natively(path, contexts)
    except NativeError as error:
        return tuple(_by_formula(architecture, weights, context, error.message) for context in contexts)
    return tuple(
        _natively(architecture, context, size)
        if size is not None
        else _by_formula(architecture, weights, context, "the native core refuses these settings")
        for context, size in zip(contexts, sizes, strict=True)
    )


def _state_bytes(architecture: ModelArchitecture, context: ContextSettings) -> int:
    states = sum(layer.state_size for layer in architecture.layers or ())
    return states * STATE_BYTES * context.num_sequences


def _natively(architecture: ModelArchitecture, context: ContextSettings, size: NativeSize) -> ModelEstimate:
    total = size.total
    margin = max(round((total.model_bytes + total.context_bytes) * MARGIN_SHARE), MARGIN_BYTES)
    memory = MemoryEstimate(
        weight_bytes=(total.model_bytes, total.model_bytes),
        cache_bytes=total.context_bytes,
        compute_bytes=total.compute_bytes + output_bytes(architecture, context),
        reserve_bytes=margin,
    )
    return ModelEstimate(memory, "native sizing", native=size)


def _by_formula(
    architecture: ModelArchitecture, weights: Weights, context: ContextSettings, note: str
) -> ModelEstimate:
    trust: Trust = "file header" if weights.source == "exact from file" else "catalogue"
    memory = estimate_memory(architecture, weights, context)
    if memory is None:
        note = "; ".join(filter(None, (missing_facts(architecture), note)))
    return ModelEstimate(memory, trust, note)
