"""Which known model to run on a machine, for a goal, and why: same machine and catalogue, same answer.

A model must suit the goal and the license, have a file for llama.cpp, fit the memory and the disk, and reach the least
speed. What is left stands in the order of `labkit.recommend.order`, one model of each lineage.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from labkit.catalog import Catalog, CatalogFile, CatalogModel, Score
from labkit.estimate import Machine, Placement, Weights
from labkit.recommend.choice import Option, Refusal, choose, options
from labkit.recommend.evidence import NOT_SMALLER, Judge, best_score, num_parameters
from labkit.recommend.order import order_models, reorder
from labkit.recommend.projector import Projector
from labkit.recommend.reasons import reasons
from labkit.recommend.wish import Wish, unsuited

MUCH_FASTER = 1.5
DropKind = Literal["unsuited", "does not fit", "same lineage", "below the top"]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One model to run.

    Attributes:
        file: where to get it, with its hash; None when no file of this quantization is pinned in the catalogue.
        repo: the repository to look in.
        projector: beside it, for a goal that needs to see.
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
    lineage: str = ""
    projector: Projector | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A model that was not recommended, and why."""

    model_id: str
    reason: str
    kind: DropKind = "unsuited"


@dataclass(frozen=True, slots=True)
class Ranking:
    """The answer: recommendations best first, and everything that was dropped."""

    wish: Wish
    machine: Machine
    recommendations: tuple[Recommendation, ...]
    dropped: tuple[Dropped, ...]
    catalog_as_of: str = ""


@dataclass(frozen=True, slots=True)
class _Pick:
    model: CatalogModel
    option: Option
    notes: tuple[str, ...] = ()


def rank(machine: Machine, catalog: Catalog, wish: Wish) -> Ranking:
    """The models of the catalogue that suit the wish on this machine, best first, at most one of each lineage."""
    suited: list[CatalogModel] = []
    dropped: list[Dropped] = []
    for model in catalog.models:
        if reason := unsuited(model, wish):
            dropped.append(Dropped(model.id, reason))
        else:
            suited.append(model)
    ordered = order_models(suited, wish.goal, catalog)
    places = {model.id: place for place, model in enumerate(ordered)}
    viable, refused = _viable(ordered, machine, wish)
    dropped += refused
    picks: list[_Pick] = []
    for group in _lineages(viable, catalog):
        pick, passed = _pick(group, wish, catalog)
        picks.append(pick)
        dropped += passed
    picks = _in_order(sorted(picks, key=lambda pick: places[pick.model.id]), wish, catalog)
    below = [
        Dropped(pick.model.id, f"ranks {place}, below the first {wish.top}", "below the top")
        for place, pick in enumerate(picks[wish.top :], start=wish.top + 1)
    ]
    rows = _recommendations(picks, wish, catalog)[: wish.top]
    return Ranking(wish, machine, tuple(rows), (*below, *dropped), catalog.as_of)


def _viable(
    ordered: Sequence[CatalogModel], machine: Machine, wish: Wish
) -> tuple[list[tuple[CatalogModel, Option]], list[Dropped]]:
    """Models with an option, in order; below Q4 only when there is no other."""
    viable: list[tuple[CatalogModel, Option]] = []
    refused: list[Dropped] = []
    for below_q4 in (False, True):
        refused, lacks = [], set[str]()
        for model in ordered:
            good, bad = options(model, machine, wish, below_q4=below_q4)
            lacks |= {refusal.kind for refusal in bad}
            if good:
                viable.append((model, choose(good, machine, wish)))
            else:
                refused.append(Dropped(model.id, _spoken(bad), "does not fit"))
        if viable or lacks & {"speed", "disk"}:
            break  # fewer bits are for want of memory only
    return viable, refused


def _spoken(refusals: Sequence[Refusal]) -> str:
    """What keeps out the quantization that is nearest to an option."""
    if not refusals:
        return "the size of its files is not known"
    nearest = min(refusals, key=lambda refusal: refusal.nearness)
    return f"{nearest.reason} (as {nearest.quantization})" if nearest.quantization else nearest.reason


def _lineages(
    viable: Sequence[tuple[CatalogModel, Option]], catalog: Catalog
) -> Iterator[list[tuple[CatalogModel, Option]]]:
    groups: dict[str, list[tuple[CatalogModel, Option]]] = {}
    for model, option in viable:
        groups.setdefault(catalog.family(model).lineage, []).append((model, option))
    yield from groups.values()


def _pick(group: Sequence[tuple[CatalogModel, Option]], wish: Wish, catalog: Catalog) -> tuple[_Pick, list[Dropped]]:
    """The one of a lineage to name: the best that holds the context, or one as large that does not keep waiting."""
    asked = [row for row in group if row[1].holds_context] or list(group)
    found = {model.id: option for model, option in group}
    ordered = reorder([model for model, _ in asked], wish.goal, catalog)
    chosen, notes = ordered[0], ()
    if faster := _faster(ordered, found, wish, catalog):
        chosen = faster
        slow, fast = found[ordered[0].id].speed or 0.0, found[faster.id].speed or 0.0
        notes = (f"{ordered[0].id} stands higher, and writes {slow:.0f} tok/s here against {fast:.0f}",)
    judge = Judge([model for model, _ in group], wish.goal, catalog)
    passed = [
        Dropped(model.id, _why_not_this_one(model, chosen, judge, found), "same lineage")
        for model, _ in group
        if model is not chosen
    ]
    return _Pick(chosen, found[chosen.id], notes), passed


def _faster(
    ordered: Sequence[CatalogModel], found: dict[str, Option], wish: Wish, catalog: Catalog
) -> CatalogModel | None:
    """In place of a best one that keeps waiting, or lies in two memories: a much faster one of its lineage.

    It must have a score of the goal, and be as large (and fast because it uses a part of itself), or shown to be as
    good by a benchmark that both have.
    """
    best, judge = ordered[0], Judge(ordered, wish.goal, catalog)
    speed = found[best.id].speed
    if speed is None or (speed >= wish.comfortable_speed and found[best.id].is_whole):
        return None
    for other in ordered[1:]:
        fast = found[other.id].speed or 0.0
        is_as_large = num_parameters(other) >= NOT_SMALLER * num_parameters(best)
        is_shown_as_good = judge.share_a_benchmark(best, other) and judge.balance(best, other) <= 0
        is_as_good = is_shown_as_good and found[other.id].is_whole
        is_much_faster = fast >= max(wish.comfortable_speed, MUCH_FASTER * speed)
        if best_score(other, wish.goal) and (is_as_large or is_as_good) and is_much_faster:
            return other
    return None


def _why_not_this_one(model: CatalogModel, chosen: CatalogModel, judge: Judge, found: dict[str, Option]) -> str:
    verdict = judge.compare(chosen, model)
    start = f"{chosen.id} of the same lineage ranks higher"
    if not found[model.id].holds_context and found[chosen.id].holds_context:
        return f"{start}: it holds the whole context"
    if verdict.balance < 0:
        slow, fast = found[model.id].speed or 0.0, found[chosen.id].speed or 0.0
        return f"{chosen.id} of the same lineage is named: {fast:.0f} tok/s here against {slow:.0f}"
    return f"{start}: {verdict.why}" if verdict.why else start


def _in_order(picks: list[_Pick], wish: Wish, catalog: Catalog) -> list[_Pick]:
    """No two neighbours against their own comparison; those that hold the context go first."""
    by_id = {pick.model.id: pick for pick in picks}
    rows: list[_Pick] = []
    for holds in (True, False):
        models = [pick.model for pick in picks if pick.option.holds_context is holds]
        rows += [by_id[model.id] for model in reorder(models, wish.goal, catalog)]
    return rows


def _recommendations(picks: Sequence[_Pick], wish: Wish, catalog: Catalog) -> list[Recommendation]:
    judge = Judge([pick.model for pick in picks], wish.goal, catalog)
    rows: list[Recommendation] = []
    for place, pick in enumerate(picks):
        below = picks[place + 1].model if place + 1 < len(picks) else None
        verdict = judge.compare(pick.model, below) if below else None
        words = tuple(reasons(pick.model, pick.option, wish, pick.notes, below, verdict))
        rows.append(_recommendation(pick, wish, catalog, words))
    return rows


def _recommendation(pick: _Pick, wish: Wish, catalog: Catalog, words: tuple[str, ...]) -> Recommendation:
    model, option = pick.model, pick.option
    return Recommendation(
        model_id=model.id,
        family=model.family,
        license=model.license,
        quantization=option.quantization,
        file=option.file,
        repo=option.file.repo if option.file else next(iter(model.gguf_repos), None),
        release_date=model.release_date,
        weights=option.weights,
        placement=option.placement,
        score=best_score(model, wish.goal),
        reasons=words,
        lineage=catalog.family(model).lineage,
        projector=option.projector,
    )
