"""Models appear whole and go whole, share content, and what is wrong with them is found and said."""

import hashlib

import pytest

from labkit.errors import InputError, InvalidModelFileError, ModelNotFoundError
from labkit.settings import Settings
from labkit.store import Manifest, ManifestFile, find_stored, list_models, open_store, resolve
from labkit.store.manifest import decode_manifest, encode_manifest
from labkit.store.usage import find_garbage, remove_garbage, usage
from labkit.store.verify import verify

CONTENT, OTHER = b"weights" * 1000, b"other" * 500


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path / "home")


@pytest.fixture
def store(settings):
    found = open_store(settings)
    found.prepare()
    return found


def put(store, content):
    digest = hashlib.sha256(content).hexdigest()
    store.layout.blob(digest).write_bytes(content)
    return digest


def file(store, name, content, **more):
    return ManifestFile(name, put(store, content), len(content), **more)


def manifest(name, *files, added_at="2026-01-01T00:00:00+00:00"):
    return Manifest(name, files, "hub", added_at, "0.1.0", repo="org/repo")


def test_a_model_is_there_from_its_manifest_on(store, settings):
    one = manifest("qwen3-8b:Q4_K_M", file(store, "Qwen3-8B-Q4_K_M.gguf", CONTENT))
    assert find_stored("qwen3-8b:Q4_K_M", settings) is None
    store.add(one)
    ref = resolve("Qwen3-8B:q4_k_m", settings)
    assert (ref.name, ref.source, ref.path.name) == ("qwen3-8b:Q4_K_M", "store", "Qwen3-8B-Q4_K_M.gguf")
    assert ref.path.read_bytes() == CONTENT
    assert resolve("qwen3-8b", settings).path == ref.path
    assert "qwen3-8b:Q4_K_M" in [model.name for model in list_models(settings)]
    assert decode_manifest(encode_manifest(one), "x") == one


def test_the_newest_is_meant_without_a_quantization(store):
    store.add(manifest("m:Q8_0", file(store, "a.gguf", CONTENT), added_at="2026-01-01T00:00:00+00:00"))
    store.add(manifest("m:Q4_0", file(store, "b.gguf", OTHER), added_at="2026-02-01T00:00:00+00:00"))
    assert store.find("m").name == "m:Q4_0"
    assert store.find("m:Q8_0").name == "m:Q8_0"
    assert store.find("m:Q5_0") is None


def test_parts_and_projector_lie_beside_each_other_under_their_own_names(store):
    files = (
        file(store, "m-00001-of-00002.gguf", CONTENT),
        file(store, "m-00002-of-00002.gguf", OTHER, part=2),
        file(store, "mmproj-F16.gguf", b"eyes", role="projector"),
    )
    store.add(manifest("m:Q8_0", *files))
    names = {path.name for path in store.path(store.get("m")).parent.iterdir()}
    assert names == {entry.file for entry in files}
    assert store.get("m").model_files == files[:2]


def test_a_model_of_the_same_name_is_replaced_whole(store):
    store.add(manifest("m:Q8_0", file(store, "old.gguf", OTHER)))
    store.add(manifest("m:Q8_0", file(store, "new.gguf", CONTENT)))
    assert [path.name for path in store.layout.view("m:Q8_0").iterdir()] == ["new.gguf"]
    assert store.path(store.get("m")).read_bytes() == CONTENT


def test_content_is_kept_while_another_model_has_it(store):
    shared = file(store, "a.gguf", CONTENT)
    store.add(manifest("a:Q8_0", shared))
    store.add(manifest("b:Q8_0", shared, file(store, "b.gguf", OTHER)))
    assert store.remove(store.get("b")) == len(OTHER)
    assert store.layout.blob(shared.sha256).exists()
    assert store.remove(store.get("a")) == len(CONTENT)
    assert list(store.layout.blobs.iterdir()) == []
    assert list(store.layout.models.iterdir()) == []


def test_a_model_without_its_content_cannot_be_added_and_is_not_found(store, settings):
    one = manifest("m:Q8_0", file(store, "a.gguf", CONTENT))
    store.layout.blob(one.files[0].sha256).unlink()
    with pytest.raises(InvalidModelFileError, match=r"content of a\.gguf is missing"):
        store.add(one)
    assert store.list().manifests == ()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": 3}', b"\xff\xfe", b"[" * 100_000])
def test_a_manifest_that_is_none_hides_no_other(store, content):
    store.add(manifest("m:Q8_0", file(store, "a.gguf", CONTENT)))
    (store.layout.manifests / "bad.json").write_bytes(content)
    listing = store.list()
    assert [entry.name for entry in listing.manifests] == ["m:Q8_0"]
    assert [broken.path.name for broken in listing.unreadable] == ["bad.json"]
    (finding,) = verify(store)
    assert finding.trouble == "unreadable manifest"
    assert finding.repaired
    assert list(verify(store)) == []


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/../b", "/etc", "a//b", "a:b:c", "a/b/c", "a b", "x" * 300, "-x", "a\\b", "a\0b", ".a"],
)
def test_no_name_leaves_the_store(store, name):
    with pytest.raises(InputError):
        store.layout.manifest(name)
    assert store.find(name) is None
    with pytest.raises(ModelNotFoundError):
        store.get(name)


@pytest.mark.parametrize("digest", ["", "..", "../" + "a" * 61, "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_no_digest_leaves_the_store(store, digest):
    for place in (store.layout.blob, store.layout.quarantined):
        with pytest.raises(InputError):
            place(digest)


@pytest.mark.parametrize("name", ["../x.gguf", "", "..", "a/../../x", ".hidden"])
def test_no_file_name_leaves_its_folder(store, name):
    try:
        place = store.layout.view_file("m:Q8_0", name)
    except InputError:
        return
    assert place.parent == store.layout.view("m:Q8_0")


def test_verify_finds_what_is_wrong_and_says_what_to_type(store):
    for name, content in {"cut": b"cut" * 90, "flip": b"flip" * 90, "gone": b"gone" * 90, "good": CONTENT}.items():
        store.add(manifest(f"{name}:Q8_0", file(store, f"{name}.gguf", content)))
    place = {name: store.layout.blob(store.get(name).files[0].sha256) for name in ("cut", "flip", "gone")}
    place["cut"].write_bytes(b"cut")
    place["flip"].write_bytes(b"flap" + place["flip"].read_bytes()[4:])
    place["gone"].unlink()
    assert {finding.file: finding.trouble for finding in verify(store)} == {
        "cut.gguf": "wrong size", "gone.gguf": "missing",
    }  # fmt: skip
    found = {finding.file: finding for finding in verify(store, deep=True)}
    assert found["flip.gguf"].trouble == "wrong content"
    assert found["flip.gguf"].hint == "labkit pull flip:Q8_0"
    assert not place["flip"].exists()
    assert "good.gguf" not in found


def test_verify_makes_a_lost_link_again(store):
    store.add(manifest("m:Q8_0", file(store, "a.gguf", CONTENT)))
    link = store.path(store.get("m"))
    link.unlink()
    (finding,) = verify(store)
    assert (finding.trouble, finding.repaired) == ("broken link", "made again")
    assert link.read_bytes() == CONTENT


def test_garbage_is_what_nobody_needs(store):
    store.add(manifest("m:Q8_0", file(store, "a.gguf", CONTENT)))
    unused = store.layout.blob(put(store, OTHER))
    draft = store.layout.blobs / ".x.4194304999.draft"
    draft.write_bytes(b"half")
    part = store.layout.parts / f"{'a' * 64}.part"
    part.write_bytes(b"part")
    assert [entry.path for entry in find_garbage(store)] == [draft]
    later = unused.stat().st_ctime + 7200
    assert {entry.path for entry in find_garbage(store, now=later)} == {draft, unused}
    everything = find_garbage(store, parts=True, now=later)
    assert part in {entry.path for entry in everything}
    remove_garbage(store, everything)
    assert find_garbage(store, parts=True, quarantine=True, now=later) == []
    assert store.path(store.get("m")).read_bytes() == CONTENT


def test_usage_counts_content_once(store):
    shared = file(store, "a.gguf", CONTENT)
    store.add(manifest("a:Q8_0", shared))
    store.add(manifest("b:Q8_0", shared, file(store, "b.gguf", OTHER)))
    found = usage(store)
    assert found.blob_bytes >= len(CONTENT)
    assert {row.name: row.own_bytes for row in found.models} == {"a:Q8_0": 0, "b:Q8_0": len(OTHER)}
    assert found.unreferenced_bytes == 0
