"""Models that other programs have: found in each one's layout, linked and not copied, and checked all the same."""

import hashlib
import json

import pytest

from labkit import resources
from labkit.errors import InvalidModelFileError
from labkit.pull import TrialResult
from labkit.pull.adopt import adopt, find_candidates
from labkit.store import resolve
from labkit.store.foreign import find_foreign_models

NANO = resources.embedded_model().read_bytes()
DIGEST = hashlib.sha256(NANO).hexdigest()


def answered(_):
    return TrialResult("", "1.0", 3)


def write(path, content=NANO):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def person(tmp_path):
    return tmp_path / "person"


def hugging_face(home, content=NANO, digest=DIGEST, name="nano-Q8_0.gguf"):
    repo = home / ".cache/huggingface/hub/models--org--nano-GGUF"
    blob = write(repo / "blobs" / digest, content)
    link = repo / "snapshots" / ("c" * 40) / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(blob)
    return blob


def ollama(home, layers, name="library/nano", tag="latest"):
    root = home / ".ollama/models"
    for digest, content in {DIGEST: NANO}.items():
        write(root / "blobs" / f"sha256-{digest}", content)
    document = json.dumps({"schemaVersion": 2, "layers": layers})
    write(root / "manifests/registry.ollama.ai" / name / tag, document.encode())


MODEL_LAYER = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{DIGEST}", "size": len(NANO)}


def test_every_program_s_store_is_found(person):
    hugging_face(person)
    ollama(person, [{"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:0"}, MODEL_LAYER])
    write(person / ".lmstudio/models/pub/nano-GGUF/nano-Q4_0.gguf")
    write(person / ".lmstudio/models/pub/nano-GGUF/mmproj-nano-f16.gguf")
    write(person / ".cache/llama.cpp/nano-IQ3_M.gguf")
    found = {model.name: model for model in find_foreign_models({}, person)}
    assert {name: model.origin for name, model in found.items()} == {
        "org/nano-GGUF:Q8_0": "huggingface-cache", "nano:latest": "ollama", "pub/nano-GGUF:Q4_0": "lm-studio",
        "nano-IQ3_M": "llama.cpp-cache",
    }  # fmt: skip
    assert found["org/nano-GGUF:Q8_0"].commit == "c" * 40
    assert found["org/nano-GGUF:Q8_0"].files[0].stated_sha256 == DIGEST
    assert found["pub/nano-GGUF:Q4_0"].projector.name == "mmproj-nano-f16.gguf"


def test_each_program_s_variable_moves_its_store(person, tmp_path):
    write(tmp_path / "elsewhere/nano-Q8_0.gguf")
    assert [model.name for model in find_foreign_models({"LLAMA_CACHE": str(tmp_path / "elsewhere")}, person)] == [
        "nano-Q8_0"
    ]
    assert find_foreign_models({"HF_HOME": "/nowhere", "OLLAMA_MODELS": "/nowhere"}, person) == []


def test_an_adopted_model_is_served_from_where_it_is(person, settings, store):
    blob = hugging_face(person)
    (model,) = find_foreign_models({}, person)
    manifest = adopt(model, store)
    assert manifest.origin == "huggingface-cache"
    assert manifest.checked.prompt_tokens > 0
    ref = resolve("org/nano-GGUF:Q8_0", settings)
    assert ref.path.samefile(blob)
    (candidate,) = find_candidates([model], store)
    assert candidate.is_here


def test_removing_an_adopted_model_leaves_the_owner_s_file(person, store):
    blob = hugging_face(person)
    manifest = adopt(find_foreign_models({}, person)[0], store, trial=answered)
    assert store.remove(manifest) == 0
    assert blob.read_bytes() == NANO


def test_a_file_that_is_not_what_its_store_says_is_not_adopted(person, store):
    hugging_face(person, content=NANO[:-1] + bytes([NANO[-1] ^ 1]))
    with pytest.raises(InvalidModelFileError, match="not what its store says"):
        adopt(find_foreign_models({}, person)[0], store, trial=answered)
    assert store.list().manifests == ()


def test_a_hostile_file_is_refused_and_stays_where_it_is(person, store):
    own = write(person / ".cache/llama.cpp/evil-Q8_0.gguf", b"GGUF" + bytes(100))
    with pytest.raises(InvalidModelFileError, match="refused"):
        adopt(find_foreign_models({}, person)[0], store, trial=answered)
    assert own.read_bytes() == b"GGUF" + bytes(100)
    assert list(store.layout.blobs.iterdir()) == []


def test_what_is_incomplete_is_no_model(person):
    write(person / ".cache/llama.cpp/m-Q8_0-00001-of-00002.gguf")
    hugging_face(person).unlink()  # a link that leads nowhere
    ollama(person, [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "0" * 64}])
    for name, content in {"a": b"", "b": b"{", "c": b"[]", "d": b'{"layers": [3]}', "e": b"\xff"}.items():
        write(person / ".ollama/models/manifests/registry.ollama.ai/library/bad" / name, content)
    assert find_foreign_models({}, person) == []


def test_parts_are_adopted_together(person, store):
    for number in (1, 2):
        write(person / f".lmstudio/models/pub/big/b-Q8_0-0000{number}-of-00002.gguf", NANO)
    (model,) = find_foreign_models({}, person)
    assert [file.name for file in model.files] == ["b-Q8_0-00001-of-00002.gguf", "b-Q8_0-00002-of-00002.gguf"]


def test_the_command_lists_and_adopts(person, settings, monkeypatch, capsys):
    from labkit.cli.app import app

    ollama(person, [MODEL_LAYER])
    monkeypatch.setenv("HOME", str(person))
    monkeypatch.setenv("LABKIT_HOME", str(settings.data_folder))
    for name in ("HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    app(["adopt"], standalone_mode=False)
    assert "can be adopted" in capsys.readouterr().out
    app(["adopt", "nano:latest"], standalone_mode=False)
    app(["ls"], standalone_mode=False)
    assert "nano:latest" in capsys.readouterr().out
