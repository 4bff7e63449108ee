import os

import pytest

from labkit.errors import DataFolderError, InputError
from labkit.settings import ensure_writable, load_settings


def test_environment_overrides_every_default(tmp_path):
    settings = load_settings({"LABKIT_HOME": str(tmp_path), "LABKIT_HOST": "::1", "LABKIT_PORT": "0"})
    assert (settings.data_folder, settings.host, settings.port) == (tmp_path, "::1", 0)
    assert settings.models_folder.parent == tmp_path


@pytest.mark.parametrize("port", ["-1", "65536", "http", "", "²"])
def test_a_wrong_port_is_an_input_error(port):
    with pytest.raises(InputError, match="LABKIT_PORT"):
        load_settings({"LABKIT_PORT": port})


def test_loading_settings_makes_no_folder(tmp_path):
    load_settings({"LABKIT_HOME": str(tmp_path / "new")})
    assert not (tmp_path / "new").exists()


def test_ensure_writable_makes_a_private_folder(tmp_path):
    folder = ensure_writable(tmp_path / "a" / "b")
    assert folder.is_dir()
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_says_what_to_type(tmp_path):
    blocker = tmp_path / "file"
    blocker.touch()
    with pytest.raises(DataFolderError, match="cannot write") as caught:
        ensure_writable(blocker / "data")
    assert "LABKIT_HOME" in caught.value.hint
