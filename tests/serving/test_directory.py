from dataclasses import replace
from pathlib import Path

import pytest

from fakes.endpoints import fake_model
from labkit.errors import InputError, ModelNotFoundError
from labkit.serving.directory import Directory, Place, check_aliases, check_names

ADAPTERS = (("style", Path("style.gguf")),)


@pytest.fixture
def models(tmp_path):
    base = fake_model(tmp_path / "base.gguf", "Qwen3-8b:Q4_K_M")
    other = fake_model(tmp_path / "other.gguf", "other")
    return replace(base, aliases=("typed.gguf",), adapters=ADAPTERS), other


@pytest.fixture
def directory(models):
    return Directory(models, {"gpt": "other", "poet": "style"})


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("Qwen3-8b:Q4_K_M", Place("Qwen3-8b:Q4_K_M")),
        ("qwen3-8b:q4_k_m", Place("Qwen3-8b:Q4_K_M")),
        ("qwen3-8b", Place("Qwen3-8b:Q4_K_M")),
        ("typed.gguf", Place("Qwen3-8b:Q4_K_M")),
        ("style", Place("Qwen3-8b:Q4_K_M", "style")),
        ("poet", Place("Qwen3-8b:Q4_K_M", "style")),
        ("gpt", Place("other")),
    ],
)
def test_a_name_means_a_model_or_an_adapter_of_one(directory, name, place):
    assert directory.get(name) == place


def test_an_unknown_name_is_told_with_the_nearest_ones(directory):
    with pytest.raises(ModelNotFoundError) as caught:
        directory.get("styl")
    assert caught.value.nearest[0] == "style"
    assert directory.names == ("Qwen3-8b:Q4_K_M", "other", "style")


def test_no_name_has_two_meanings(models):
    check_names(models, {"gpt": "other"})
    for wrong, aliases in (((*models, models[1]), {}), (models, {"style": "other"}), (models, {"other": "style"})):
        with pytest.raises(InputError):
            check_names(wrong, aliases)


def test_an_alias_of_nothing_is_refused(directory):
    check_aliases(directory, {"x": "qwen3-8b"})
    with pytest.raises(ModelNotFoundError, match="'x' is to be another name of 'othr'"):
        check_aliases(directory, {"x": "othr"})
