"""Which known model to run on a machine, for a goal, and why: same machine and catalogue, same answer.

A model must suit the goal, have a file for llama.cpp, fit, and reach the least speed. What is left is ordered by
published scores (`labkit.recommend.order`), one model of each family.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from labkit import store
from labkit.catalog import Catalog, CatalogFile, CatalogModel, Score, architecture, quantizations
from labkit.errors import InvalidModelFileError
from labkit.estimate import (
    ContextSettings,
    Machine,
    Placement,
    Weights,
    missing_facts,
    place,
    weights_of_catalog,
    weights_of_file,
)
from labkit.gguf import file_facts, validate
from labkit.recommend.order import BENCHMARKS, Goal, best_score, is_same_benchmark, order_by_score, scores_of

CAPABILITY: dict[Goal, str] = {
    "chat": "chat",
    "code": "chat",
    "tools": "tools",
    "reasoning": "reasoning",
    "embedding": "embedding",
}
LEAST_TOKENS_PER_SECOND: dict[Goal, float] = {"chat": 8, "code": 8, "tools": 15, "reasoning": 8, "embedding": 0}
DEFAULT_CONTEXT_TOKENS = 8192
DEFAULT_TOP = 5

# Least loss first within the band that is worth its size; below Q4 a smaller model is the better choice.
BAND = ("Q6_K", "Q5_K_M", "Q4_K_M")
BEYOND = ("MXFP4", "Q8_0", "Q4_0", "F16")
UNPINNED = "Q4_K_M"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for. `least_tokens_per_second` None takes the goal's own."""

    goal: Goal = "chat"
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    least_tokens_per_second: float | None = None
    top: int = DEFAULT_TOP

    @property
    def least_speed(self) -> float:
        """Tokens per second below which a model is of no use."""
        stated = self.least_tokens_per_second
        return LEAST_TOKENS_PER_SECOND[self.goal] if stated is None else stated


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One model to run.

    Attributes:
        file: where to get it, with its hash; None when no file of this quantization is pinned in the catalogue.
        repo: the repository to look in.
        score: the published score that ranks it; None when no source has one.
        reasons: why it is here, and what to know about it.
    """

    model_id: str
    family: str
    license: str
    quantization: str
    file: CatalogFile | None
    repo: str | None
    release_date: str | None
    weights: Weights
    placement: Placement
    score: Score | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A model that was not recommended, and why."""

    model_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """The answer: recommendations best first, and everything that was dropped."""

    wish: Wish
    machine: Machine
    recommendations: tuple[Recommendation, ...]
    dropped: tuple[Dropped, ...]


def rank(machine: Machine, catalog: Catalog, wish: Wish) -> Ranking:
    """The models of the catalogue that suit the wish on this machine, best first, at most one of each family."""
    suited: list[CatalogModel] = []
    dropped: list[Dropped] = []
    for model in catalog.models:
        reason = unsuited(model, wish)
        if reason:
            dropped.append(Dropped(model.id, reason))
        else:
            suited.append(model)
    chosen: list[Recommendation] = []
    taken: dict[str, str] = {}
    for model in order_by_score(suited, wish.goal):
        if model.family in taken:
            dropped.append(Dropped(model.id, f"{taken[model.family]} of the same family ranks higher"))
            continue
        found = _consider(model, machine, wish)
        if isinstance(found, Dropped):
            dropped.append(found)
            continue
        taken[model.family] = model.id
        chosen.append(found)
    below = [Dropped(row.model_id, f"ranks below the first {wish.top}") for row in chosen[wish.top :]]
    return Ranking(wish, machine, tuple(chosen[: wish.top]), (*below, *dropped))


def embedded_recommendation(machine: Machine, wish: Wish) -> Recommendation | None:
    """The model that comes with labkit, on the same machine; None when it does not suit, fit, or cannot be read.

    Reads the header of one file.
    """
    if wish.goal == "embedding":
        return None
    embedded = store.embedded()
    try:
        facts = file_facts(validate(embedded.path))
    except InvalidModelFileError:
        return None
    weights = weights_of_file(facts)
    context = min(wish.context_tokens, facts.architecture.context_tokens or wish.context_tokens)
    placement = place(facts.architecture, weights, machine, ContextSettings(context))
    if placement is None or placement.fit == "no":
        return None
    reasons = ["nothing to download: it comes with labkit", "for practice and tests, no match for the others"]
    if context < wish.context_tokens:
        reasons.append(f"made for {context} tokens of context")
    return Recommendation(
        model_id=embedded.name,
        family=embedded.name,
        license=embedded.license or "unknown",
        quantization=weights.quantization,
        file=None,
        repo=None,
        release_date=None,
        weights=weights,
        placement=placement,
        score=None,
        reasons=tuple(reasons),
    )


def unsuited(model: CatalogModel, wish: Wish) -> str:
    """Why a model cannot be what is wished for, on any machine; empty when it can."""
    if CAPABILITY[wish.goal] not in model.capabilities:
        return f"not made for {wish.goal}"
    if wish.goal == "code" and "code" not in model.capabilities and best_score(model, wish.goal) is None:
        return "no sourced score in code"
    if not model.gguf_repos and not model.files:
        return "no GGUF file of it is known"
    if model.context_tokens is None:
        return "its context length is not in the catalogue"
    if model.context_tokens < wish.context_tokens:
        return f"made for {model.context_tokens} tokens of context"
    return ""


def candidates(model: CatalogModel) -> list[tuple[str, CatalogFile | None]]:
    """Quantizations to try, best choice first, each with its pinned file when the catalogue has one."""
    pinned: dict[str, CatalogFile] = {}
    for file in model.model_files:
        if file.quantization:
            pinned.setdefault(file.quantization, file)
    rows: list[tuple[str, CatalogFile | None]] = [(name, pinned[name]) for name in (*BAND, *BEYOND) if name in pinned]
    if UNPINNED not in pinned and model.gguf_repos:
        rows.append((UNPINNED, None))
    return rows


@dataclass(frozen=True, slots=True)
class _Option:
    quantization: str
    file: CatalogFile | None
    weights: Weights
    placement: Placement


def _consider(model: CatalogModel, machine: Machine, wish: Wish) -> Recommendation | Dropped:
    if missing := missing_facts(architecture(model)):
        return Dropped(model.id, f"{missing}, so its memory cannot be estimated")
    options: list[_Option] = []
    refusals: list[str] = []
    for quantization, file in candidates(model):
        weights = weights_of_catalog(model, quantization)
        if weights is None:
            continue
        option = _try(model, weights, file, machine, wish)
        if isinstance(option, str):
            refusals.append(option)
        else:
            options.append(option)
    if not options:
        return Dropped(model.id, refusals[-1] if refusals else "the size of its files is not known")
    chosen = _choose(options, machine)
    return Recommendation(
        model_id=model.id,
        family=model.family,
        license=model.license,
        quantization=chosen.quantization,
        file=chosen.file,
        repo=chosen.file.repo if chosen.file else next(iter(model.gguf_repos), None),
        release_date=model.release_date,
        weights=chosen.weights,
        placement=chosen.placement,
        score=best_score(model, wish.goal),
        reasons=tuple(_reasons(model, chosen, wish)),
    )


def _try(
    model: CatalogModel, weights: Weights, file: CatalogFile | None, machine: Machine, wish: Wish
) -> _Option | str:
    """A quantization that fits and is fast enough, or why it is not."""
    placement = place(architecture(model), weights, machine, ContextSettings(wish.context_tokens))
    if placement is None or placement.fit == "no":
        return placement.reason if placement else "its memory cannot be estimated"
    if wish.goal == "embedding":
        # An embedding is one prefill; what is estimated here is the decode of tokens, which it has none of.
        placement = replace(placement, speed=None)
    speed, least = placement.speed, wish.least_speed
    if speed is not None and speed.middle < least:
        return f"about {speed.low:.1f} to {speed.high:.1f} tok/s, {least:g} wished for"
    return _Option(weights.quantization, file, weights, placement)


def _choose(options: list[_Option], machine: Machine) -> _Option:
    """The least loss that fits whole on the fastest memory; where none does, the fastest."""
    whole = [option for option in options if option.placement.fit == "fits" and _is_on_best(option, machine)]
    if whole:
        return whole[0]
    return max(options, key=lambda option: option.placement.speed.middle if option.placement.speed else 0.0)


def _is_on_best(option: _Option, machine: Machine) -> bool:
    return not machine.devices or option.placement.device in {device.name for device in machine.devices}


def _reasons(model: CatalogModel, chosen: _Option, wish: Wish) -> Iterator[str]:
    yield from _score_reasons(model, wish.goal)
    placement = chosen.placement
    if placement.fit == "fits at less context":
        yield f"fits with {placement.context.context_tokens} tokens of context and a q8_0 cache"
    elif placement.fit == "fits with q8_0 cache":
        yield "fits with its cache stored as q8_0"
    if placement.reason:
        yield placement.reason
    if placement.speed is None and wish.goal != "embedding":
        yield "speed unknown: the memory bandwidth was not measured"
    if chosen.file is None:
        yield f"no file with a known hash: choose the {chosen.quantization} one in the repository"
    facts = quantizations().get(chosen.quantization)
    if facts and facts.mean_kl_divergence is not None:
        yield f"{chosen.quantization} loses {facts.mean_kl_divergence:.3f} nats per token (LLaMA 3 8B)"


def _score_reasons(model: CatalogModel, goal: Goal) -> Iterator[str]:
    score, backbone = best_score(model, goal), BENCHMARKS[goal][0]
    if score is None:
        yield f"no sourced score for {goal}"
        return
    if not is_same_benchmark(score.benchmark, backbone):
        yield f"no {backbone} score, placed by {score.benchmark}"
    values = sorted({other.value for other in scores_of(model, score.benchmark)})
    if len(values) > 1:
        yield f"sources differ on {score.benchmark}: {', '.join(f'{value:g}' for value in values)}"
