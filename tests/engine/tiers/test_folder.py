import os
import stat

import pytest

from fakes.state_folder import FillingFolder
from labkit.engine.tiers.folder import StateFolder
from labkit.engine.tiers.record import InvalidRecordError

posix = pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")


@pytest.fixture
def folder(tmp_path):
    folder = StateFolder(tmp_path / "deep" / "states")
    folder.prepare()
    return folder


def read(folder: StateFolder, key: str) -> bytes:
    file, size = folder.open(key)
    with file:
        content = file.read()
    assert len(content) == size
    return content


def test_what_is_written_can_be_read_listed_and_deleted(folder):
    folder.write("a", [b"12", b"345"])
    assert read(folder, "a") == b"12345"
    assert [(file.key, file.size_bytes) for file in folder.files()] == [("a", 5)]
    folder.delete("a")
    folder.delete("a")
    assert folder.files() == []
    with pytest.raises(FileNotFoundError):
        folder.open("a")


def test_files_are_listed_by_last_use(folder):
    for key in "abc":
        folder.write(key, [b"x"])
    folder.touch("a")
    assert [file.key for file in folder.files()] == ["b", "c", "a"]


@posix
def test_nobody_else_can_read_prompts(tmp_path):
    path = tmp_path / "states"
    path.mkdir(mode=0o755)
    folder = StateFolder(path)
    folder.prepare()
    folder.write("a", [b"x"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((path / "a.kv").stat().st_mode) == 0o600


def test_a_failed_write_leaves_nothing_and_keeps_what_was_there(tmp_path):
    folder = FillingFolder(tmp_path)
    folder.write("a", [b"old", b"state"])
    folder.is_full = True
    with pytest.raises(OSError, match="No space"):
        folder.write("a", [b"new", b"state"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.kv"]
    assert read(folder, "a") == b"oldstate"


@posix
def test_parts_of_killed_writers_are_swept_but_not_those_of_running_ones(folder):
    old, young = folder.path / ".a.1.00.part", folder.path / ".b.2.00.part"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (0, 0))
    folder.prepare()
    assert not old.exists()
    assert young.exists()
    assert folder.files() == []


@posix
def test_links_and_pipes_are_not_followed(folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    (folder.path / "link.kv").symlink_to(secret)
    os.mkfifo(folder.path / "pipe.kv")
    for key in ("link", "pipe"):
        with pytest.raises(InvalidRecordError):
            folder.open(key)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.symlink_to(folder.path)
    with pytest.raises(NotADirectoryError):
        StateFolder(elsewhere).prepare()
