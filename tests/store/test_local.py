"""From what a person types to a file on this machine, or to what they should type instead."""

import os

import pytest

from fakes import gguf_writer as writer
from labkit import resources
from labkit.catalog import load_catalog
from labkit.errors import InputError, ModelNotFoundError
from labkit.settings import Settings
from labkit.store import list_models, pull_command, resolve


@pytest.fixture
def settings(tmp_path):
    found = Settings(data_folder=tmp_path / "data")
    found.models_folder.mkdir(parents=True)
    return found


def put(settings, name, **changes):
    path = settings.models_folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return writer.write_tiny_llama(path, **changes)


@pytest.mark.parametrize("name", ["nano", "labkit-nano", "NANO"])
def test_the_embedded_model_has_two_names(settings, name):
    ref = resolve(name, settings)
    assert ref.path == resources.embedded_model()
    assert (ref.name, ref.source) == ("nano", "embedded")


@pytest.mark.parametrize("name", ["tiny", "tiny.gguf", "TINY"])
def test_a_file_of_the_models_folder(settings, name):
    path = put(settings, "tiny.gguf")
    ref = resolve(name, settings)
    assert (ref.name, ref.path, ref.source) == ("tiny", path, "data folder")


def test_a_file_in_a_subfolder_by_short_and_by_long_name(settings):
    path = put(settings, "owner/repo/tiny.gguf")
    assert resolve("tiny", settings).path == path
    assert resolve("owner/repo/tiny", settings).path == path


def test_two_files_of_one_name_must_be_told_apart(settings):
    put(settings, "a/tiny.gguf")
    second = put(settings, "b/tiny.gguf")
    with pytest.raises(InputError, match="several files") as caught:
        resolve("tiny", settings)
    assert "a/tiny or b/tiny" in caught.value.hint
    assert resolve("b/tiny", settings).path == second
    assert [ref.name for ref in list_models(settings)][1:] == ["a/tiny", "b/tiny"]


def test_paths_absolute_relative_and_of_the_home_folder(settings, tmp_path, monkeypatch):
    path = writer.write_tiny_llama(tmp_path / "my model.gguf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in (str(path), "./my model.gguf", "my model.gguf", "~/my model.gguf"):
        ref = resolve(text, settings)
        assert (ref.name, ref.path, ref.source) == ("my model", path, "path")


def test_a_wrong_path_names_its_neighbours(settings, tmp_path):
    writer.write_tiny_llama(tmp_path / "tiny.gguf")
    with pytest.raises(ModelNotFoundError) as caught:
        resolve(str(tmp_path / "tyni.gguf"), settings)
    assert "tiny.gguf" in caught.value.hint
    with pytest.raises(ModelNotFoundError) as caught:
        resolve(str(tmp_path), settings)
    assert "is a folder" in caught.value.hint
    assert "tiny.gguf" in caught.value.hint
    with pytest.raises(ModelNotFoundError) as caught:
        resolve("~nobody-of-that-name/x.gguf", settings)
    assert caught.value.hint


def test_a_pipe_is_left_to_the_validator(settings, tmp_path):
    os.mkfifo(tmp_path / "pipe.gguf")
    assert resolve(str(tmp_path / "pipe.gguf"), settings).path == tmp_path / "pipe.gguf"


def test_a_known_model_that_is_not_here_says_how_to_get_it(settings):
    with pytest.raises(ModelNotFoundError) as caught:
        resolve("qwen3-0.6b", settings)
    assert "is a known model" in caught.value.message
    assert caught.value.hint.startswith("labkit pull qwen3-0.6b\n")
    assert "labkit serve qwen3-0.6b" in caught.value.hint


def test_a_known_model_is_found_by_its_id_once_its_file_is_here(settings):
    path = put(settings, "Qwen3-0.6B.Q4_K_M.gguf")
    ref = resolve("qwen3-0.6b", settings)
    assert (ref.name, ref.path, ref.license) == ("qwen3-0.6b", path, "apache-2.0")


def test_an_unknown_name_gets_near_ones_of_both_kinds(settings):
    put(settings, "qwen3-9b-mine.gguf")
    with pytest.raises(ModelNotFoundError) as caught:
        resolve("qwen3-9b", settings)
    assert "qwen3-9b-mine" in caught.value.nearest
    assert "qwen3-8b" in caught.value.nearest or "qwen3.5-9b" in caught.value.nearest
    with pytest.raises(ModelNotFoundError) as caught:
        resolve("", settings)
    assert "labkit models list" in caught.value.hint


@pytest.mark.parametrize("model", load_catalog().models, ids=lambda model: model.id)
def test_every_known_model_has_something_to_type_or_a_place_to_look(model):
    command = pull_command(model)
    assert command == f"labkit pull {model.id}" or not model.gguf_repos
    assert "labkit pull" in command


def test_a_quantization_is_named_where_it_is_chosen():
    assert pull_command(load_catalog().get("gpt-oss-120b"), "MXFP4") == "labkit pull gpt-oss-120b:MXFP4"


def test_the_list_leaves_out_what_cannot_be_served(settings):
    for name in (
        "one.gguf", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "mmproj-x.gguf", ".hidden.gguf",
        ".cache/huggingface/half.gguf",
    ):  # fmt: skip
        put(settings, name)
    (settings.models_folder / "notes.txt").write_text("x")
    (settings.models_folder / "broken.gguf").write_bytes(b"GGUF")
    refs = list_models(settings)
    assert [ref.name for ref in refs] == ["nano", "big-00001-of-00002", "broken", "one"]
    assert refs[3].license == "apache-2.0"
    assert refs[2].license is None


def test_without_a_models_folder_the_embedded_model_remains(tmp_path):
    assert [ref.name for ref in list_models(Settings(data_folder=tmp_path / "none"))] == ["nano"]
