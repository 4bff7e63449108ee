from pathlib import Path

import pytest

from labkit.errors import RecipeError
from labkit.resources import data_folder
from labkit.tune.recipe import Recipe, load_recipe

GOOD = """
kind: pretrain
name: tiny
steps: 10
phases:
  - {from_step: 0, weights: {add: 1}}
  - {from_step: 5, weights: {faq: 2, add: 1}}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_shipped_pretraining_recipe_loads():
    loaded = [load_recipe(path) for path in data_folder("recipes").glob("nano-pretrain*.yaml")]
    assert len(loaded) == 2
    assert {recipe.name for recipe in loaded} == {"labkit-nano", "labkit-nano-smoke"}


def test_a_step_belongs_to_the_last_phase_begun(tmp_path: Path):
    recipe = load_recipe(write(tmp_path, GOOD))
    assert recipe.phase_at(4).weights == {"add": 1}
    assert recipe.phase_at(5).weights == {"faq": 2, "add": 1}


def test_all_problems_are_told_at_once(tmp_path: Path):
    text = GOOD.replace("steps: 10", "steps: 0\nstepz: 4").replace(
        "add: 1}}\n  - {from_step: 5", "ad: 1}}\n  - {from_step: 5"
    )
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path, text))
    told = " ".join(caught.value.problems)
    assert "stepz" in told
    assert "steps: Input should be greater than 0" in told
    assert "unknown tasks ad" in told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("from_step: 0", "from_step: 1", "must start at step 0"),
        ("from_step: 5", "from_step: 0", "ascending order"),
        ("steps: 10", "steps: 10\nmodel: {num_heads: 4, num_kv_heads: 3}", "num_kv_heads must divide"),
        ("kind: pretrain", "kind: lora", "kind"),
        ("phases:", "phases: [", "is not YAML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, told: str):
    with pytest.raises(RecipeError, match=told):
        load_recipe(write(tmp_path, GOOD.replace(old, new)))


def test_a_missing_file_is_a_recipe_error(tmp_path: Path):
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml")


def test_a_recipe_survives_its_own_json(tmp_path: Path):
    recipe = load_recipe(write(tmp_path, GOOD))
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
