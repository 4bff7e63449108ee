"""--why-not and --explain: where a model stands, and every term of its estimate."""

import json
from dataclasses import replace

import pytest

from fakes import calibrations
from labkit.catalog import load_catalog
from labkit.errors import InputError, ModelNotFoundError
from labkit.estimate import Device, Machine
from labkit.recommend import Wish, embedded_recommendation, find_named, rank, ranking_document
from labkit.recommend.document import explanation_document
from labkit.recommend.explain import explain
from labkit.recommend.why_not import why_not
from labkit.units import GIB, MIB

CATALOG = load_catalog()
GB = 1000**3
CARD = Machine(32 * GIB, 50 * GB, "measured", 8, (Device("Card", "nvidia", 23 * GIB, 1000 * GB),), "a desktop")
RANKING = rank(CARD, CATALOG, Wish())


def answer(name, ranking=RANKING):
    return why_not(*find_named(name, CATALOG), ranking, CATALOG)


def test_names_are_ids_and_repositories_with_a_quantization():
    model, quantization = find_named("QWEN3-8B:q6_k", CATALOG)
    assert (model.id, quantization) == ("qwen3-8b", "Q6_K")
    assert find_named("Qwen/Qwen3-8B", CATALOG)[0].id == "qwen3-8b"
    with pytest.raises(ModelNotFoundError, match="qwen3-8bb"):
        find_named("qwen3-8bb", CATALOG)
    with pytest.raises(InputError, match="'q4_m' is not a quantization") as caught:
        find_named("qwen3-8b:q4_m", CATALOG)
    assert "Q4_K_M" in caught.value.hint


def test_a_recommended_model_is_said_to_be_one():
    assert answer("gemma-4-31b-it")[0] == "it is recommended: number 1, as Q4_0"


def test_a_sister_says_who_stands_before_it_and_what_it_would_be():
    words = answer("qwen3.5-27b")
    assert words[0] == "qwen3.8-27b of the same lineage ranks higher: Arena text score 1435 against 1407"
    assert "gemma-4-31b-it goes before it: Arena text score 1451 against 1407" in words
    assert any(line.startswith("on its own: Q4_K_M, fits on Card") for line in words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("deepseek-r1-distill-qwen-7b", "thinks before every answer"),
        ("laguna-xs-2.1", "attention window is not in the catalogue"),
        ("qwen3-embedding-8b", "not made for chat"),
        ("gpt-oss-120b", "needs "),
        ("gpt-oss-20b:Q8_0", "as Q8_0 it is possible: fits on Card"),
        ("gemma-4-31b-it:Q4_K_M", "Q4_0 is recommended instead"),
        ("gemma-4-31b-it:Q4_0", "it is recommended: number 1"),
        ("llama-3.3-70b-instruct:Q8_0", "needs "),
        ("ministral-3-3b-instruct-2512:Q4_K_M", "is not known"),
    ],
)
def test_every_model_has_an_answer(name, words):
    assert words in "\n".join(answer(name))


@pytest.mark.parametrize("model", CATALOG.models, ids=lambda model: model.id)
def test_no_model_is_without_an_answer(model):
    assert all(why_not(model, None, RANKING, CATALOG))


def terms(name, wish=None, where=CARD):
    model, quantization = find_named(name, CATALOG)
    found = explain(model, quantization, where, wish or Wish())
    return found, {term.name.strip(): term for term in found.terms}


def test_the_terms_add_up():
    found, by_name = terms("qwen3.6-27b:Q4_K_M", Wish(context_tokens=32768))
    memory = found.placement.memory
    parts = [by_name["KV cache"], by_name["recurrent state"]]
    assert sum(term.high_bytes for term in parts) == memory.cache_bytes
    assert by_name["KV cache"].high_bytes == 2048 * MIB
    assert by_name["KV cache"].how == "16 layers x 32,768 cells x (1,024 K + 1,024 V) x 2 B (f16)"
    assert by_name["compute buffer"].high_bytes == memory.compute_bytes
    assert by_name["must be free"].high_bytes == memory.required
    assert by_name["budget"].high_bytes == 23 * GIB
    speed = found.placement.speed
    assert by_name["speed"].value.startswith(f"{speed.low:.1f} to {speed.high:.1f} tok/s")


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("gemma-4-e4b-it", ["KV cache, window 512", "KV cache", "layers without a cache"]),
        ("glm-4.7-flash", ["KV cache (MLA row)"]),
        ("granite-4.0-h-tiny", ["recurrent state", "KV cache"]),
        ("lfm2.5-1.2b-instruct", ["recurrent state", "KV cache"]),
    ],
)
def test_every_kind_of_memory_has_its_line(name, kinds):
    found, by_name = terms(name)
    assert set(kinds) <= set(by_name)
    lines = [by_name[kind].low_bytes or 0 for kind in kinds]
    assert sum(lines) == pytest.approx(found.placement.memory.cache_bytes, abs=8)


def test_slots_and_projectors_have_their_terms():
    one, four = terms("qwen3-8b:Q4_K_M")[1], terms("qwen3-8b:Q4_K_M", Wish(slots=4))[1]
    assert four["KV cache"].high_bytes == 4 * one["KV cache"].high_bytes
    assert "BF16" not in one
    assert terms("qwen3.5-9b", Wish("vision"))[1]["projector"].high_bytes > 0


def test_what_cannot_be_estimated_is_refused():
    with pytest.raises(InputError, match="its attention window is not in the catalogue"):
        terms("laguna-xs-2.1")
    with pytest.raises(InputError, match="as NVFP4 is not known"):
        terms("qwen3-8b:NVFP4")


def test_what_does_not_fit_is_explained_too():
    found, by_name = terms("llama-3.3-70b-instruct:Q8_0")
    assert found.verdict.startswith("does not fit: needs ")
    assert by_name["speed"].value == "unknown"


def test_documents_are_plain_json_with_stable_names():
    ranking = ranking_document(RANKING, embedded_recommendation(CARD, Wish()), CATALOG)
    assert json.loads(json.dumps(ranking)) == ranking
    assert sorted(ranking) == [
        "already_here", "catalog_as_of", "left_out", "machine", "recommendations", "schema_version", "wish",
    ]  # fmt: skip
    assert sorted(ranking["recommendations"][0]) == [
        "budget_bytes", "cache_bytes", "cache_type", "compute_high_bytes", "context_tokens", "device", "family",
        "file", "fit", "in_system_memory_bytes", "license", "license_classes", "license_restrictions", "lineage",
        "memory_high_bytes", "memory_low_bytes", "memory_required_bytes", "model_id", "projector", "quantization",
        "rank", "read_per_token_high_bytes", "read_per_token_low_bytes", "reasons", "release_date", "repo",
        "reserve_bytes", "score", "speed_confidence", "speed_high_tokens_per_second", "speed_likely_tokens_per_second",
        "speed_low_tokens_per_second", "speed_most_tokens_per_second",
        "weights_high_bytes", "weights_low_bytes", "weights_source",
    ]  # fmt: skip
    found, _ = terms("qwen3-8b")
    plain = explanation_document(found)
    assert json.loads(json.dumps(plain)) == plain


def test_a_model_without_a_score_is_said_to_have_none():
    only = replace(CATALOG, models=(CATALOG.get("qwen3-8b"),))
    row = rank(CARD, only, Wish()).recommendations[0]
    assert row.score is None
    assert row.reasons[0] == "no sourced score for chat: placed by its lineage"


def test_a_calibrated_machine_explains_its_own_terms():
    here = Machine(32 * GIB, 50 * GB, "measured", 8, calibration=calibrations.CPU)
    found, by_name = terms("qwen3-8b:Q4_K_M", where=here)
    assert {"Q4_K", "Q6_K", "layers", "attention"} <= set(by_name)
    assert "share of it reached" not in by_name
    assert by_name["attention"].value.startswith("0.00 to ")
    assert by_name["speed"].how.startswith("calibrated: ")
    least = sum(float(by_name[name].value.split(" ")[0]) for name in ("Q4_K", "Q6_K", "layers", "attention"))
    assert 1000 / least == pytest.approx(found.placement.speed.high, rel=0.3)
