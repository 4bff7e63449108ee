"""Why a model is not recommended, or where it stands: the answer to `--why-not`. Pure."""

from labkit.catalog import Catalog, CatalogModel
from labkit.estimate import Placement
from labkit.recommend.choice import Option, pinned_file, try_quantization
from labkit.recommend.evidence import Judge
from labkit.recommend.ranking import Ranking, rank
from labkit.recommend.wish import unsuited


def why_not(model: CatalogModel, quantization: str | None, ranking: Ranking, catalog: Catalog) -> list[str]:
    """Sentences: where it stands, or what keeps it out, and what stands before it."""
    if quantization is not None:
        return _of_quantization(model, quantization, ranking)
    row = next((row for row in ranking.recommendations if row.model_id == model.id), None)
    if row is not None:
        place = ranking.recommendations.index(row) + 1
        return [f"it is recommended: number {place}, as {row.quantization}", *row.reasons]
    dropped = next((row for row in ranking.dropped if row.model_id == model.id), None)
    words = [dropped.reason] if dropped else ["it is not in the catalogue that was ranked"]
    if dropped and dropped.kind in ("same lineage", "below the top"):
        words += _against_the_others(model, ranking, catalog)
        words += _its_own(model, ranking, catalog)
    return words


def _of_quantization(model: CatalogModel, quantization: str, ranking: Ranking) -> list[str]:
    wish, machine = ranking.wish, ranking.machine
    if reason := unsuited(model, wish):
        return [reason]
    found = try_quantization(model, quantization, pinned_file(model, quantization), machine, wish)
    if found is None:
        return [f"the size of its {quantization} file is not known"]
    if not isinstance(found, Option):
        return [found.reason]
    words = [f"as {quantization} it is possible: {_placed(found.placement)}"]
    if found.file is None:
        words.append("no file of it with a known hash is in the catalogue")
    row = next((row for row in ranking.recommendations if row.model_id == model.id), None)
    if row is None:
        words += [f"the model: {dropped.reason}" for dropped in ranking.dropped if dropped.model_id == model.id]
    elif row.quantization != quantization:
        words.append(f"{row.quantization} is recommended instead: {_placed(row.placement)}")
    else:
        words.append(f"it is recommended: number {ranking.recommendations.index(row) + 1}")
    return words


def _placed(placement: Placement) -> str:
    speed = f", {placement.speed.low:.1f} to {placement.speed.high:.1f} tok/s" if placement.speed else ""
    return f"{placement.fit} on {placement.device}{speed}"


def _against_the_others(model: CatalogModel, ranking: Ranking, catalog: Catalog) -> list[str]:
    rows = [found for row in ranking.recommendations if (found := catalog.find(row.model_id))]
    judge = Judge([model, *rows], ranking.wish.goal, catalog)
    words: list[str] = []
    for other in rows:
        verdict = judge.compare(other, model)
        if verdict.balance > 0:
            words.append(f"{other.id} goes before it: {verdict.why}")
        elif verdict.balance < 0:
            words.append(f"it goes before {other.id}: {verdict.why}")
    return words


def _its_own(model: CatalogModel, ranking: Ranking, catalog: Catalog) -> list[str]:
    """What would be said of it if it were the only model."""
    alone = rank(ranking.machine, Catalog((model,), catalog.sources, catalog.as_of, catalog.families), ranking.wish)
    return [f"on its own: {row.quantization}, {_placed(row.placement)}" for row in alone.recommendations]
