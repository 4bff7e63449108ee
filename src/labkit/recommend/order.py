"""The order of models for a goal, from comparisons of two at a time (`labkit.recommend.evidence`).

Published scores are of different benchmarks, so there is no common scale to sort by. Each model stands where it
contradicts the fewest comparisons with the others; a measured difference counts twice a later generation. Between
equally good places it takes the later one: what no source shows is not assumed, so a model about which little is
known does not stand high. The order depends on neither the machine nor the order of the rows.
"""

from collections.abc import Sequence

from labkit.catalog import Catalog, CatalogModel
from labkit.recommend.evidence import Judge, best_score, num_parameters
from labkit.recommend.goals import Goal

MOST_PASSES = 4
Balances = dict[tuple[str, str], int]


def order_models(models: Sequence[CatalogModel], goal: Goal, catalog: Catalog) -> list[CatalogModel]:
    """Best first. Pure."""
    judge = Judge(models, goal, catalog)
    balances = _balances(models, judge)
    heard = {row.id: sum(bool(balances[row.id, other.id]) for other in models if other is not row) for row in models}
    # Whom most comparisons speak of goes first, so that the others find them in place.
    rows = sorted(models, key=_last_resort, reverse=True)
    rows.sort(key=lambda row: -heard[row.id])
    by_id = {row.id: row for row in rows}
    scored = _settled([row.id for row in rows if best_score(row, goal)], [], balances)
    unscored = [row.id for row in rows if not best_score(row, goal)]
    return [by_id[name] for name in _settled(unscored, scored, balances)]


def reorder(models: Sequence[CatalogModel], goal: Goal, catalog: Catalog) -> list[CatalogModel]:
    """The same models, moved only as far as no two neighbours stand against their own comparison. Pure."""
    balances = _balances(models, Judge(models, goal, catalog))
    placed: list[CatalogModel] = []
    for model in models:
        place = len(placed)
        while place and balances[model.id, placed[place - 1].id] > 0:
            place -= 1
        placed.insert(place, model)
    return placed


def _last_resort(model: CatalogModel) -> tuple[str, int, str]:
    return model.release_date or "", num_parameters(model), model.id


def _balances(rows: Sequence[CatalogModel], judge: Judge) -> Balances:
    balances: Balances = {}
    for place, first in enumerate(rows):
        for second in rows[place + 1 :]:
            balance = judge.balance(first, second)
            balances[first.id, second.id], balances[second.id, first.id] = balance, -balance
    return balances


def _settled(names: Sequence[str], among: Sequence[str], balances: Balances) -> list[str]:
    """`among` with `names` put in, each at its best place, and again until nobody moves."""
    placed = list(among)
    for name in names:
        placed.insert(_best_place(name, placed, balances), name)
    for _ in range(MOST_PASSES):
        before = list(placed)
        for name in names:
            placed.remove(name)
            placed.insert(_best_place(name, placed, balances), name)
        if placed == before:
            break
    return placed


def _best_place(name: str, placed: Sequence[str], balances: Balances) -> int:
    mine = [balances[name, other] for other in placed]
    against = sum(-balance for balance in mine if balance < 0)  # all it loses to stand below it
    best, least = 0, against
    for place, balance in enumerate(mine, start=1):
        against += balance  # one more stands above it
        if against <= least:
            best, least = place, against
    return best
