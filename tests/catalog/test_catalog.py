"""The shipped catalogue is whole and sourced, a user's file joins it, and near misses are named."""

import json

import pytest

from labkit.catalog import load_catalog, nearest, quantizations, read_catalog
from labkit.errors import InputError, ModelNotFoundError

SHIPPED = load_catalog()


def test_there_are_models():
    assert len(SHIPPED.models) >= 80
    assert SHIPPED.as_of


@pytest.mark.parametrize("model", SHIPPED.models, ids=lambda model: model.id)
def test_every_row_is_sourced_and_consistent(model):
    assert model.license
    assert model.capabilities
    assert model.source_repo
    assert model.num_parameters is None or (model.num_text_parameters or 0) <= model.num_parameters
    assert (model.num_active_parameters or 0) <= (model.num_parameters or 1 << 60)
    for source in (*(score.source for score in model.scores), *(file.source for file in model.files)):
        assert not SHIPPED.spell_source(source).startswith("@")
    for file in model.model_files:
        assert file.quantization


def test_ids_and_hashes_are_unique():
    ids = [model.id for model in SHIPPED.models]
    assert len(set(ids)) == len(ids)
    places = [(file.repo, file.file) for model in SHIPPED.models for file in model.files]
    assert len(set(places)) == len(places)


def test_a_source_is_spelled_out_with_what_follows_its_key():
    assert SHIPPED.spell_source("@gptoss") == "https://github.com/openai/gpt-oss README"
    assert SHIPPED.spell_source("@llmlb quoting x").endswith("(CC BY 4.0) quoting x")
    assert SHIPPED.spell_source("a web page") == "a web page"


def test_files_to_serve_are_models_and_first_parts():
    names = [file.file for file in SHIPPED.get("qwen3-coder-next").model_files]
    assert "UD-Q6_K/Qwen3-Coder-Next-UD-Q6_K-00001-of-00003.gguf" in names
    assert not [name for name in names if "00002" in name]
    assert [file.file for file in SHIPPED.get("qwen3-vl-8b-instruct").model_files] == [
        "Qwen3-VL-8B-Instruct-Q4_K_M.gguf"
    ]


def test_get_is_blind_to_case_and_names_the_nearest():
    assert SHIPPED.get("QWEN3-8B").id == "qwen3-8b"
    with pytest.raises(ModelNotFoundError) as caught:
        SHIPPED.get("qwen3-8bb")
    assert caught.value.nearest[0] == "qwen3-8b"
    assert "qwen3-8b" in caught.value.hint


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("lama3.1", "llama-3.1-8b-instruct"), ("gpt oss", "gpt-oss-20b"), ("gemma4", "gemma-4-12b-it")],
)
def test_near_misses_are_found(typed, expected):
    suggestions = nearest(typed, (model.id for model in SHIPPED.models))
    assert suggestions[0] == expected
    assert len(suggestions) <= 3


def test_nothing_near_gives_nothing():
    assert nearest("zzzz", ["llama", "qwen"]) == ()


ROW = {"id": "mine-1b", "family": "mine", "license": "mit", "capabilities": ["chat"]}


def user_file(folder, models, name="mine.json"):
    (folder / name).write_text(json.dumps({"as_of": "2026-01-01", "sources": {}, "models": models}))
    return folder


def test_a_users_file_adds_and_replaces(tmp_path):
    changed = ROW | {"id": "qwen3-8b", "license": "changed"}
    found = load_catalog(user_file(tmp_path, [ROW, changed]))
    assert found.get("mine-1b").family == "mine"
    assert found.get("qwen3-8b").license == "changed"
    assert len(found.models) == len(SHIPPED.models) + 1
    assert load_catalog(tmp_path / "none") is SHIPPED


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"licence": "mit"}, "licence"),
        ({"license": 3}, "license"),
        ({"id": "../up"}, "id"),
        ({"capabilities": ["fly"]}, "capabilities"),
        ({"files": [{"repo": "a/b", "file": "../x.gguf", "sha256": "0" * 64, "source": "x"}]}, "files.0.file"),
        ({"files": [{"repo": "a/b", "file": "x.gguf", "sha256": "0" * 63, "source": "x"}]}, "files.0.sha256"),
        ({"files": [{"repo": "a b", "file": "x.gguf", "sha256": "0" * 64, "source": "x"}]}, "files.0.repo"),
        ({"num_parameters": -1}, "num_parameters"),
    ],
    ids=str,
)
def test_a_users_file_is_checked_strictly(tmp_path, change, words):
    user_file(tmp_path, [ROW | change])
    with pytest.raises(InputError) as caught:
        load_catalog(tmp_path)
    assert "mine.json" in caught.value.message
    assert words in caught.value.message
    assert caught.value.hint


def test_broken_json_and_doubled_ids_are_refused(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match="not a valid catalogue"):
        read_catalog(tmp_path / "a.json")
    with pytest.raises(InputError, match="'mine-1b' stands in it twice"):
        read_catalog(user_file(tmp_path, [ROW, ROW]) / "mine.json")
    with pytest.raises(InputError, match="cannot read"):
        read_catalog(tmp_path / "none.json")


def test_quantizations_know_cost_and_loss():
    table = quantizations()
    assert len(table) >= 30
    low, high = table["Q4_K_M"].bits_per_weight["typical"]
    assert 4.8 < low <= high < 5
    losses = [table[name].mean_kl_divergence for name in ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")]
    assert losses == sorted(losses)
