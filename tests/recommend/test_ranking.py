"""Recommendations fit, are fast enough and explained; every model is named, or left out for a reason."""

from dataclasses import replace

import pytest

from labkit.catalog import CatalogFile, LicenseFilter, load_catalog
from labkit.estimate import Device, Machine, machine_from_profile
from labkit.hardware import load_shipped_profiles
from labkit.recommend import GOALS, Wish, embedded_recommendation, rank
from labkit.recommend.choice import candidates
from labkit.recommend.wish import unsuited
from labkit.units import GIB

CATALOG = load_catalog()
GB = 1000**3
MACHINES = {name: machine_from_profile(profile) for name, profile in load_shipped_profiles().items()}
NO_RATE = {"arc-b580-12gb"}  # no measured runs stand behind a rate for its vendor
KINDS = (
    "raspberry-pi-5-8gb", "laptop-8gb-cpu", "laptop-16gb-cpu", "apple-m1-8gb", "apple-m4-max-64gb", "rtx-3060-12gb",
    "rtx-4090-24gb", "rtx-3090-24gb-x2", "h100-80gb", "strix-halo-128gb",
)  # fmt: skip
LAPTOP = Machine(12 * GIB, 25 * GB, "measured", 8)


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("name", KINDS)
def test_every_model_is_named_or_left_out_for_a_reason(name, goal):
    ranking = rank(MACHINES[name], CATALOG, Wish(goal))
    named = [row.model_id for row in ranking.recommendations]
    left_out = [row.model_id for row in ranking.dropped]
    assert sorted(named + left_out) == sorted(model.id for model in CATALOG.models)
    assert all(row.reason for row in ranking.dropped)
    assert all(row.license for row in ranking.recommendations)


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("name", KINDS)
def test_what_is_named_fits_and_is_fast_enough(name, goal):
    machine, wish = MACHINES[name], Wish(goal)
    for row in rank(machine, CATALOG, wish).recommendations:
        assert row.placement.fit != "no"
        if row.placement.fit != "split":
            assert row.placement.memory.required <= row.placement.budget_bytes
        if goal == "embedding":
            assert row.placement.speed is None
        else:
            speed = row.placement.speed
            assert name in NO_RATE if speed is None else speed.middle >= wish.least_speed


@pytest.mark.parametrize("goal", GOALS)
def test_one_of_each_lineage(goal):
    families = [row.lineage for row in rank(MACHINES["rtx-4090-24gb"], CATALOG, Wish(goal, top=50)).recommendations]
    assert len(set(families)) == len(families)


def test_a_large_card_gets_larger_models_than_a_laptop():
    def sizes(machine):
        return [row.weights.size_bytes[1] for row in rank(machine, CATALOG, Wish()).recommendations]

    assert min(sizes(MACHINES["rtx-4090-24gb"])[:3]) > max(sizes(MACHINES["laptop-16gb-cpu"])[:3])


def test_a_higher_speed_leaves_out_slower_models_and_says_how_fast_they_are():
    ranking = rank(LAPTOP, CATALOG, Wish(least_tokens_per_second=30))
    assert all(row.placement.speed.middle >= 30 for row in ranking.recommendations)
    reasons = {row.model_id: row.reason for row in ranking.dropped}
    assert "tok/s here, 30 wished for" in reasons["llama-3.1-8b-instruct"]
    everything = rank(LAPTOP, CATALOG, Wish(least_tokens_per_second=0, top=99))
    assert len(everything.recommendations) > len(ranking.recommendations)


def test_a_longer_context_leaves_out_models_not_made_for_it():
    ranking = rank(LAPTOP, CATALOG, Wish(context_tokens=100_000, least_tokens_per_second=0))
    reasons = {row.model_id: row.reason for row in ranking.dropped}
    assert reasons["qwen3-8b"] == "made for 40,960 tokens of context"
    assert all(row.placement.memory.cache_bytes for row in ranking.recommendations)


def test_top_bounds_the_answer_and_the_rest_is_still_explained():
    ranking = rank(LAPTOP, CATALOG, Wish(top=1))
    assert len(ranking.recommendations) == 1
    assert [row for row in ranking.dropped if row.reason == "ranks 2, below the first 1"]


def test_an_unknown_bandwidth_names_models_without_a_speed():
    ranking = rank(Machine(12 * GIB), CATALOG, Wish())
    assert ranking.recommendations
    assert all(row.placement.speed is None for row in ranking.recommendations)
    assert all(any("speed unknown" in reason for reason in row.reasons) for row in ranking.recommendations)


def test_a_tiny_machine_gets_nothing_and_a_reason_for_each():
    ranking = rank(Machine(GIB // 2, GB, "measured"), CATALOG, Wish())
    assert ranking.recommendations == ()
    assert "needs" in {row.model_id: row.reason for row in ranking.dropped}["qwen3-0.6b"]


def test_a_score_that_is_not_of_the_most_telling_benchmark_is_said_to_be_so():
    rows = rank(MACHINES["rtx-3060-12gb"], CATALOG, Wish("chat", top=9)).recommendations
    placed = [row for row in rows if row.score and row.score.benchmark != "Arena text score"]
    assert placed
    assert all(any("no sourced Arena text score" in reason for reason in row.reasons) for row in placed)


def test_the_least_loss_that_fits_is_chosen_among_pinned_files():
    small = CATALOG.get("lfm2.5-8b-a1b")
    wish = Wish("tools", least_tokens_per_second=0)
    only = replace(CATALOG, models=(small,))
    chosen = {
        gib: rank(Machine(int(gib * GIB), 50 * GB, "measured"), only, wish).recommendations[0].quantization
        for gib in (8, 7, 6)
    }
    assert chosen == {8: "Q6_K", 7: "Q5_K_M", 6: "Q4_K_M"}


def test_a_quantization_on_the_card_goes_before_a_better_one_beside_it():
    card = Device("Card", "nvidia", 7 * GIB, 400 * GB)
    machine = Machine(32 * GIB, 30 * GB, "measured", 8, (card,))
    only = replace(CATALOG, models=(CATALOG.get("lfm2.5-8b-a1b"),))
    row = rank(machine, only, Wish("tools")).recommendations[0]
    assert (row.quantization, row.placement.device) == ("Q5_K_M", "Card")


def test_candidates_stand_in_order_of_choice():
    names = [name for name, _ in candidates(CATALOG.get("gemma-4-26b-a4b-it"))]
    assert names == ["Q4_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q8_0"]
    assert candidates(CATALOG.get("granite-4.2-3b")) == [("Q4_K_M", None)]
    pinned = dict(candidates(CATALOG.get("qwen3-8b")))
    assert isinstance(pinned["Q4_K_M"], CatalogFile)


@pytest.mark.parametrize(
    ("model_id", "wish", "words"),
    [
        ("qwen3-8b", Wish("embedding"), "not made for embedding"),
        ("gemma-3-4b-it", Wish("tools"), "not made for tools"),
        ("granite-4.2-3b", Wish("code"), "no sourced score in code"),
        ("deepseek-r1-distill-qwen-7b", Wish("chat"), "thinks before every answer"),
        ("deepseek-r1-distill-qwen-7b", Wish("reasoning"), ""),
        ("mistral-small-3.2-24b-instruct-2506", Wish("vision"), "no projector file of it is known"),
        ("gemma-3-4b-it", Wish("chat", licenses=LicenseFilter(("permissive",))), "Gemma Terms of Use: "),
        ("lfm2.5-1.2b-instruct", Wish("chat", licenses=LicenseFilter(("commercial-ok",))), "10 million USD"),
        ("mistral-small-3.2-24b-instruct-2506", Wish("chat"), "context length"),
        ("qwen3-8b", Wish("chat"), ""),
    ],
)
def test_what_cannot_be_wished_for(model_id, wish, words):
    reason = unsuited(CATALOG.get(model_id), wish)
    assert words in reason
    assert bool(words) == bool(reason)


def test_the_embedded_model_runs_on_every_known_machine():
    for machine in (*MACHINES.values(), LAPTOP):
        row = embedded_recommendation(machine, Wish())
        assert row.model_id == "nano"
        assert row.weights.source == "exact from file"
        assert row.placement.context.context_tokens <= 8192
        assert "it comes with labkit" in row.reasons[0]
    assert embedded_recommendation(Machine(1024), Wish()) is None
    assert embedded_recommendation(LAPTOP, Wish("embedding")) is None


def test_a_slow_best_one_gives_way_to_a_fast_one_of_its_lineage():
    slow = Machine(100 * GIB, 250 * GB, "measured", 16)
    row = next(
        row for row in rank(slow, CATALOG, Wish(least_tokens_per_second=5)).recommendations if row.lineage == "qwen"
    )
    assert row.model_id == "qwen3.8-27b" or any("stands higher, and writes" in reason for reason in row.reasons)
    halo = MACHINES["strix-halo-128gb"]
    ranking = rank(halo, CATALOG, Wish())
    qwen = next(row for row in ranking.recommendations if row.lineage == "qwen")
    assert qwen.model_id == "qwen3.6-35b-a3b"
    assert any("qwen3.8-27b stands higher, and writes" in reason for reason in qwen.reasons)
    assert "is named" in {row.model_id: row.reason for row in ranking.dropped}["qwen3.8-27b"]


@pytest.mark.parametrize("name", MACHINES)
def test_no_chat_pick_thinks_before_every_answer_and_none_is_tiny_beside_a_larger_fit(name):
    rows = rank(MACHINES[name], CATALOG, Wish()).recommendations
    models = [CATALOG.get(row.model_id) for row in rows]
    assert all(model.thinking != "always" for model in models)
    if MACHINES[name].devices and MACHINES[name].devices[0].budget_bytes > 8 * GIB:
        assert min((model.num_parameters or 0) for model in models[:3]) > 3e9


@pytest.mark.parametrize(
    ("machine", "goal", "first"),
    [
        ("rtx-4090-24gb", "chat", {"gemma-4-31b-it", "qwen3.8-27b"}),
        ("rtx-4090-24gb", "code", {"qwen3.8-27b"}),
        ("rtx-4090-24gb", "reasoning", {"qwen3.8-27b"}),
        ("laptop-16gb-cpu", "chat", {"qwen3.5-4b"}),
        ("apple-m1-8gb", "chat", {"qwen3.5-4b"}),
        ("strix-halo-128gb", "code", {"qwen3.6-35b-a3b"}),
        ("h100-80gb", "embedding", {"qwen3-embedding-8b"}),
        ("raspberry-pi-5-8gb", "embedding", {"qwen3-embedding-0.6b", "embeddinggemma-300m"}),
    ],
)
def test_first_picks_that_the_field_would_name(machine, goal, first):
    wish = Wish(goal, 2048 if goal == "embedding" else 8192)
    assert rank(MACHINES[machine], CATALOG, wish).recommendations[0].model_id in first


def test_a_tiny_one_of_the_lineage_does_not_replace_a_slow_large_one_that_nothing_compares_it_with():
    rows = rank(Machine(int(19.5 * GIB), 28.4 * GB, "measured", 4), CATALOG, Wish()).recommendations
    assert [row.model_id for row in rows if row.lineage == "qwen"] == ["qwen3-30b-a3b-instruct-2507"]
