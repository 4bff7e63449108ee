"""`labkit show`: what the store knows of a model, and why a file was refused."""

import pytest

from labkit import resources
from labkit.cli.app import app
from labkit.errors import InvalidModelFileError, ModelNotFoundError
from labkit.files import hash_file
from labkit.pull import TrialResult
from labkit.pull.import_file import import_file
from labkit.settings import Settings
from labkit.store import open_store


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    return open_store(Settings(tmp_path))


def show(capsys, *words):
    app(["show", *words], standalone_mode=False)
    return " ".join(capsys.readouterr().out.split())


def test_a_stored_model_shows_its_hashes_and_its_trial(store, capsys):
    import_file(resources.embedded_model(), store, name="mine", trial=lambda _: TrialResult("", "9.9", 3))
    said = show(capsys, "mine")
    for expected in ("mine, in the store", "a file of your own", hash_file(resources.embedded_model()), "added 2",
                     "it answered a prompt with llama-cpp-python 9.9"):  # fmt: skip
        assert expected in said
    store.layout.blob(hash_file(resources.embedded_model())).unlink()
    assert "its content is missing" in show(capsys, "mine")


def test_a_refused_model_shows_why(store, capsys):
    with pytest.raises(InvalidModelFileError):
        import_file(resources.embedded_model(), store, name="mine", trial=lambda _: TrialResult("it says nothing"))
    assert "it says nothing" in show(capsys, "mine")
    with pytest.raises(ModelNotFoundError):
        show(capsys, "qwen9-nothing")
