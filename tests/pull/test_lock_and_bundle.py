"""The same models on another machine: over a hub by the lock file, without one by a bundle. To the byte, or not."""

import io
import json
import tarfile

import pytest

from labkit import resources
from labkit.errors import InputError, IntegrityError, InvalidModelFileError, ModelNotFoundError
from labkit.files import hash_file
from labkit.pull import TrialResult, carry_out, find_wanted, make_plan
from labkit.pull.import_bundle import import_bundle
from labkit.pull.import_file import import_file
from labkit.pull.sync import sync
from labkit.settings import Settings
from labkit.store import open_store
from labkit.store.archive import BLOBS, INDEX, export_bundle
from labkit.store.lock_file import compare, encode_lock, lock, read_lock

NAME = "org/nano-GGUF:Q8_0"


def answered(_):
    return TrialResult("", "1.0", 3)


@pytest.fixture
def other(tmp_path):
    """The store of another machine."""
    return open_store(Settings(tmp_path / "other"))


@pytest.fixture
def pulled(hub, settings, store):
    plan = make_plan(find_wanted("hf:org/nano-GGUF:Q8_0", settings, None), store, None)
    return carry_out(plan, store, trial=answered)


def written(tmp_path, manifests):
    path = tmp_path / "labkit.lock"
    path.write_bytes(encode_lock(lock(manifests)))
    return path


def test_another_machine_gets_the_same_bytes(pulled, store, other, tmp_path):
    locked = read_lock(written(tmp_path, (pulled,)))
    assert [change.kind for change in compare(locked, ())] == ["missing"]
    made, failed = sync(locked, other, trial=answered)
    assert failed == []
    assert [manifest.name for manifest in made] == [NAME]
    assert hash_file(other.path(made[0])) == hash_file(store.path(pulled))
    assert [change.kind for change in compare(locked, other.list().manifests)] == ["same"]
    assert sync(locked, other, trial=answered) == ([], [])
    assert encode_lock(lock(other.list().manifests)) == encode_lock(lock(store.list().manifests))


def test_a_hub_that_moved_on_still_gives_the_locked_commit_or_nothing(pulled, hub, other, tmp_path):
    locked = read_lock(written(tmp_path, (pulled,)))
    repository = hub.repositories["org/nano-GGUF"]
    repository.files["nano-Q8_0.gguf"] = b"GGUF and something else"
    hub.digests.clear()
    _, failed = sync(locked, other, trial=answered)
    assert len(failed) == 1
    assert other.list().manifests == ()


def test_a_model_that_no_hub_has_says_how_to_bring_it(store, other, tmp_path):
    own = tmp_path / "own.gguf"
    own.write_bytes(resources.embedded_model().read_bytes())
    manifest = import_file(own, store)
    _, failed = sync(read_lock(written(tmp_path, (manifest,))), other, trial=answered)
    assert isinstance(failed[0], ModelNotFoundError)
    assert "labkit bundle export" in failed[0].hint


def test_differences_are_named(pulled, tmp_path):
    from dataclasses import replace

    locked = lock((pulled,))
    file = replace(pulled.files[0], sha256="0" * 64)
    changed = replace(pulled, files=(file,), template_sha256="1" * 64, sampling={"temp": 0.5}, license="mit")
    (change,) = compare(locked, (changed,))
    assert change.kind == "changed"
    assert [text.partition(":")[0].split(" ")[0] for text in change.what] == [
        "nano-Q8_0.gguf", "its", "sampling", "license",
    ]  # fmt: skip
    assert [change.kind for change in compare(lock(()), (pulled,))] == ["extra"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"models": 3}', b"\xff", b"{" * 100_000])
def test_a_lock_file_that_is_none_says_so(tmp_path, content):
    path = tmp_path / "labkit.lock"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a lock file") as raised:
        read_lock(path)
    assert raised.value.hint
    with pytest.raises(InputError, match="there is no"):
        read_lock(tmp_path / "absent")


def test_a_newer_lock_file_is_not_misread(tmp_path):
    path = tmp_path / "labkit.lock"
    path.write_text(json.dumps({"models": [], "schema_version": 99}))
    with pytest.raises(InputError, match="newer labkit"):
        read_lock(path)


def test_a_bundle_carries_models_without_a_network(pulled, store, other, tmp_path):
    target = tmp_path / "models.tar"
    export_bundle((pulled,), store, target)
    first = target.read_bytes()
    export_bundle((pulled,), store, target)
    assert target.read_bytes() == first
    (made,) = import_bundle(target, other)
    assert (made.name, made.commit, made.origin) == (NAME, pulled.commit, "hub")
    assert made.checked.prompt_tokens > 0
    assert hash_file(other.path(made)) == hash_file(store.path(pulled))
    assert import_bundle(target, other, trial=answered)[0].name == NAME


def tar_of(path, entries):
    with tarfile.open(path, "w") as archive:
        for name, content, kind in entries:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            info.linkname = "/etc/passwd" if kind == tarfile.SYMTYPE else ""
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [("other.json", b"[]", tarfile.REGTYPE)],
        [(INDEX, b"{", tarfile.REGTYPE)],
        [(INDEX, b"[]", tarfile.REGTYPE), ("../../evil", b"x", tarfile.REGTYPE)],
        [(INDEX, b"[]", tarfile.REGTYPE), (BLOBS + "a" * 64, b"x", tarfile.REGTYPE)],
        [(INDEX, b"[]", tarfile.REGTYPE), ("link", b"", tarfile.SYMTYPE)],
        [(INDEX, b"", tarfile.SYMTYPE)],
    ],
)
def test_an_archive_of_something_else_is_refused(other, tmp_path, entries):
    with pytest.raises(InvalidModelFileError) as raised:
        import_bundle(tar_of(tmp_path / "x.tar", entries), other, trial=answered)
    assert raised.value.hint
    assert list(other.layout.blobs.iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_a_bundle_with_other_content_than_it_says_is_refused(pulled, store, other, tmp_path):
    target = tmp_path / "models.tar"
    export_bundle((pulled,), store, target)
    content = bytearray(target.read_bytes())
    content[-2_000_000] ^= 1
    target.write_bytes(content)
    with pytest.raises(IntegrityError, match="not what its name says"):
        import_bundle(target, other, trial=answered)
    assert list(other.layout.blobs.iterdir()) == []
    assert list(other.layout.parts.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9])
def test_a_cut_bundle_is_refused(pulled, store, other, tmp_path, share):
    target = tmp_path / "models.tar"
    size = export_bundle((pulled,), store, target)
    target.write_bytes(target.read_bytes()[: int(size * share)])
    with pytest.raises((InvalidModelFileError, IntegrityError)):
        import_bundle(target, other, trial=answered)
    assert other.list().manifests == ()


def test_names_in_a_bundle_do_not_leave_the_store(pulled, store, other, tmp_path):
    target = tmp_path / "models.tar"
    export_bundle((pulled,), store, target)
    evil = target.read_bytes().replace(b'"org/nano-GGUF:Q8_0"', b'"../../../evil:Q8_0"')
    target.write_bytes(evil)
    with pytest.raises((InputError, InvalidModelFileError)):
        import_bundle(target, other, trial=answered)
    assert not list(tmp_path.rglob("*evil*"))


def test_the_commands_lock_differ_sync_and_bundle(pulled, settings, monkeypatch, capsys, tmp_path):
    import typer

    from labkit.cli.app import app

    def run(*words):
        try:
            code = app(list(words), standalone_mode=False)
        except typer.Exit as stop:
            code = stop.exit_code
        return code or 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABKIT_HOME", str(settings.data_folder))
    assert run("lock") == 0
    assert run("diff") == 0
    assert run("bundle", "export", "models.tar") == 0
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "second"))
    assert run("diff") == 1
    assert f"- {NAME}  missing" in capsys.readouterr().out
    assert run("sync") == 0
    assert run("diff") == 0
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "third"))
    assert run("bundle", "import", "models.tar") == 0
    assert run("diff") == 0
