import json

import pytest

from labkit.bench import find_dry_model, require_fit, write_dry_model
from labkit.engine.synthetic import plan_synthetic, write_synthetic
from labkit.errors import InputError, InsufficientMemoryError, ModelNotFoundError
from labkit.estimate import ContextSettings, Machine
from labkit.gguf import file_facts, validate
from labkit.settings import load_settings
from labkit.units import GIB

ROW = {
    "id": "miniature", "family": "llama3.1", "license": "cc0-1.0", "capabilities": ["chat"],
    "shape": {
        "num_layers": 2, "hidden_size": 256, "ffn_size": 512, "num_heads": 4, "num_kv_heads": 2, "head_dim": 64,
        "vocab_size": 600, "tied_embeddings": True,
    },
}  # fmt: skip


@pytest.fixture
def settings(tmp_path):
    settings = load_settings({"LABKIT_HOME": str(tmp_path)})
    settings.catalog_folder.mkdir()
    rows = {"models": [ROW], "sources": {}, "as_of": "2026-01-01"}
    (settings.catalog_folder / "mine.json").write_text(json.dumps(rows))
    return settings


def test_a_model_is_written_once_and_found_again(settings):
    dry = find_dry_model("miniature", settings)
    assert not dry.is_written
    path = write_dry_model(dry)
    stamp = path.stat().st_mtime_ns
    again = find_dry_model("MINIATURE:q4_k_m", settings)
    assert again.is_written
    assert write_dry_model(again).stat().st_mtime_ns == stamp
    assert file_facts(validate(path)).quantization == "Q4_K_M"
    assert path.parent == settings.synthetic_folder


def test_each_quantization_and_shape_has_its_own_file(settings):
    paths = {find_dry_model(f"miniature:{name}", settings).path for name in ("Q8_0", "F16", "Q4_K_M")}
    assert len(paths) == 3
    changed = {**ROW, "shape": {**ROW["shape"], "num_layers": 3}}
    rows = {"models": [changed], "sources": {}, "as_of": "2026-01-01"}
    (settings.catalog_folder / "mine.json").write_text(json.dumps(rows))
    assert find_dry_model("miniature", settings).path not in paths


def test_a_model_that_does_not_fit_is_refused_before_anything_is_written(settings):
    dry = find_dry_model("qwen3-32b", settings)
    with pytest.raises(InsufficientMemoryError, match=r"qwen3-32b needs .* 8.0 GiB are free"):
        require_fit(dry, Machine(8 * GIB), ContextSettings(640))
    require_fit(dry, Machine(64 * GIB), ContextSettings(640))
    assert not settings.synthetic_folder.exists()


def test_the_size_agrees_with_the_estimator(settings):
    dry = find_dry_model("qwen3-8b", settings)
    assert dry.size_error is not None
    assert abs(dry.size_error) < 1e-5
    assert find_dry_model("miniature", settings).size_error is None


def test_without_a_quantization_it_is_the_one_that_people_download(settings):
    assert find_dry_model("qwen3-8b", settings).plan.quantization == "Q4_K_M"
    assert find_dry_model("gpt-oss-20b", settings).plan.quantization == "MXFP4"


def test_names_and_quantizations_that_do_not_exist_are_refused(settings):
    with pytest.raises(ModelNotFoundError) as caught:
        find_dry_model("qwen3-8", settings)
    assert "qwen3-8b" in caught.value.nearest
    with pytest.raises(InputError, match="Q9"):
        find_dry_model("qwen3-8b:Q9", settings)


def test_its_file_is_the_plain_synthetic_file_of_the_same_shape(settings, tmp_path):
    dry = find_dry_model("miniature:Q8_0", settings)
    plain = write_synthetic(plan_synthetic(dry.plan.shape, "Q8_0"), tmp_path / "plain.gguf")
    assert write_dry_model(dry).read_bytes() == plain.read_bytes()
