import os
import stat
import threading

import pytest

from labkit.access.key_file import KeyBook, KeyFile
from labkit.access.keys import Budget, find_key
from labkit.errors import DataFolderError, InputError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "access" / "keys.json"


def test_keys_are_kept_and_their_texts_are_not(path):
    file = KeyFile(path)
    assert file.read() == ()
    budget = Budget(requests_per_minute=3, tokens_per_day=1000)
    key, text = file.create("ada", budget=budget, tenant="team", models=("nano",), expires_at=5e9)
    other, _ = file.create("bob")
    assert file.read() == (key, other)
    assert key.budget == budget
    assert find_key(file.read(), text) == key
    assert text.encode() not in path.read_bytes()
    assert text.split("_")[2].encode() not in path.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_nobody_else_can_read_them(path):
    before = os.umask(0)
    try:
        KeyFile(path).create("ada")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    with pytest.raises(DataFolderError, match="other users") as caught:
        KeyFile(path).read()
    assert "chmod 600" in caught.value.hint


def test_names_are_unique_and_can_be_typed(path):
    file = KeyFile(path)
    file.create("ada")
    for name in ("ada", "", " x", "a\nb", "x" * 65):
        with pytest.raises(InputError):
            file.create(name)


def test_a_key_is_revoked_by_name_or_id(path):
    file = KeyFile(path)
    ada, _ = file.create("ada")
    bob, _ = file.create("bob")
    assert file.revoke("ada") == ada
    assert file.revoke(bob.id) == bob
    assert file.read() == ()
    with pytest.raises(InputError, match="no key named 'ada'"):
        file.revoke("ada")


def test_an_edited_key_keeps_its_text(path):
    file = KeyFile(path)
    _, text = file.create("ada")
    edited = file.edit("ada", budget=Budget(tokens_per_minute=10), tenant="team")
    assert find_key(file.read(), text) == edited
    assert edited.budget.tokens_per_minute == 10


def test_many_processes_may_change_the_file_at_once(path):
    threads = [threading.Thread(target=lambda n=n: KeyFile(path).create(f"key {n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in KeyFile(path).read()} == {f"key {n}" for n in range(8)}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"keys": [{"id": 1}]}', b"[" * 100_000, b'{"schema_version": 9}']
)
def test_what_is_no_file_of_keys_is_refused(path, content):
    KeyFile(path).create("ada")
    path.write_bytes(content)
    with pytest.raises(DataFolderError, match="cannot be used"):
        KeyFile(path).read()


def test_a_running_endpoint_sees_every_change(path):
    book = KeyBook(path)
    assert book.keys() == ()
    file = KeyFile(path)
    for number in range(20):  # faster than the clock of the file system steps
        file.create(f"key {number}")
        assert len(book.keys()) == number + 1
    file.edit("key 3", tenant="t")
    assert book.keys()[3].tenant == "t"
    file.revoke("key 3")
    assert len(book.keys()) == 19
    path.unlink()
    assert book.keys() == ()


def test_an_endpoint_accepts_no_key_from_a_broken_file(path, caplog):
    file = KeyFile(path)
    file.create("ada")
    book = KeyBook(path)
    assert book.keys()
    path.write_bytes(b"{")
    assert book.keys() == ()
    assert "no key is accepted" in caplog.text
    assert KeyBook(None).keys() == ()
