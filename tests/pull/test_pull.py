"""From a name to a model that can be served, over the real client, and everything that can be wrong on the way."""

import json

import pytest

from labkit import resources
from labkit.errors import (
    DiskFullError,
    InputError,
    IntegrityError,
    InvalidModelFileError,
    ModelNotFoundError,
    RefusedError,
)
from labkit.estimate import Machine
from labkit.files import hash_file
from labkit.gguf import read_header
from labkit.hub import HubName
from labkit.pull import TrialResult, carry_out, find_wanted, make_plan
from labkit.pull.admit import refusal_of
from labkit.pull.import_file import import_file
from labkit.pull.plan import Wanted
from labkit.store import resolve

MACHINE = Machine(8 * 1024**3)


def plan_of(text, settings, store):
    return make_plan(find_wanted(text, settings, MACHINE), store, MACHINE)


def answered(path):
    assert path.name.endswith(".gguf")
    return TrialResult("", "1.0", 3)


def test_a_pulled_model_is_found_by_its_name_and_answers(hub, settings, store):
    plan = plan_of("hf:org/nano-GGUF:Q8_0", settings, store)
    assert (plan.name, plan.quantization, plan.missing_bytes) == ("org/nano-GGUF:Q8_0", "Q8_0", plan.size_bytes)
    assert plan.facts.architecture.architecture == "qwen3"
    assert plan.placement.fit == "fits"
    seen = []
    manifest = carry_out(plan, store, seen.append)
    ref = resolve("org/nano-GGUF:Q8_0", settings)
    assert ref.path.name == "nano-Q8_0.gguf"
    assert ref.path.read_bytes() == resources.embedded_model().read_bytes()
    assert manifest.checked.prompt_tokens > 0
    assert manifest.commit == hub.repositories["org/nano-GGUF"].commit
    assert read_header(ref.path).text("tokenizer.chat_template") is not None
    assert manifest.template_sha256
    assert seen[-1].checking
    assert resolve("org/nano-GGUF", settings).path == ref.path
    assert not list(store.layout.parts.iterdir())


def test_pulling_again_fetches_nothing(hub, settings, store):
    carry_out(plan_of("hf:org/nano-GGUF:Q8_0", settings, store), store, trial=answered)
    plan = plan_of("hf:org/nano-GGUF:Q8_0", settings, store)
    assert plan.missing_bytes == 0
    before = hub.sent_bytes
    carry_out(plan, store, trial=answered)
    assert hub.sent_bytes == before


def test_the_header_costs_less_than_the_file(hub, settings, store):
    plan_of("hf:org/nano-GGUF:Q8_0", settings, store)
    assert 0 < hub.sent_bytes < resources.embedded_model().stat().st_size / 2
    assert not store.layout.root.exists()


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("hf:org/nano-GGUF:Q5_K_M", InputError, "no file or quantization 'Q5_K_M'"),
        ("hf:org/nano-GGUF@v7", InputError, "no revision 'v7'"),
        ("hf:org/absent", ModelNotFoundError, "no repository org/absent"),
        ("hf:org/weights", InputError, "no GGUF file"),
        ("hf:org/parts", InputError, "part 1 of 2"),
        ("hf:org/nano-GGUF:Q4_K_M", InvalidModelFileError, "cannot be served"),
        ("nano", InputError, "comes with labkit"),
        ("qwen3-8bb", ModelNotFoundError, "no model named"),
    ],
)
def test_what_cannot_be_pulled_says_why(hub, settings, store, text, error, words):
    with pytest.raises(error, match=words) as raised:
        plan_of(text, settings, store)
    assert raised.value.hint


def test_a_gated_repository_says_where_to_ask(hub, settings, store, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    with pytest.raises(RefusedError, match="gated") as raised:
        plan_of("hf:org/gated", settings, store)
    assert f"{hub.url}/org/gated" in raised.value.hint


def test_a_file_that_does_not_answer_is_set_aside_and_never_seen(hub, settings, store):
    plan = plan_of("hf:org/nano-GGUF:Q8_0", settings, store)
    with pytest.raises(InvalidModelFileError, match="the native core crashed on it"):
        carry_out(plan, store, trial=lambda _: TrialResult("the native core crashed on it (signal 6)"))
    assert store.list().manifests == ()
    sha256 = plan.files[0].sha256
    assert not store.layout.blob(sha256).exists()
    assert hash_file(store.layout.quarantined(sha256)) == sha256
    assert refusal_of(sha256, store).repo == "org/nano-GGUF"
    with pytest.raises(InvalidModelFileError, match="was refused on"):
        carry_out(plan, store, trial=answered)
    assert carry_out(plan, store, trial=answered, force=True).name == "org/nano-GGUF:Q8_0"
    assert refusal_of(sha256, store) is None


def test_no_room_on_the_disk_is_said_before_a_byte_is_fetched(hub, settings, store):
    from dataclasses import replace

    plan = replace(plan_of("hf:org/nano-GGUF:Q8_0", settings, store), free_bytes=1000)
    before = hub.sent_bytes
    with pytest.raises(DiskFullError, match="of disk"):
        carry_out(plan, store, trial=answered)
    assert hub.sent_bytes == before


def test_a_file_that_the_catalogue_pins_must_be_that_file(hub, settings, store):
    from labkit.catalog import CatalogFile

    pinned = CatalogFile("org/nano-GGUF", "nano-Q8_0.gguf", "0" * 64, "test")
    with pytest.raises(IntegrityError, match=r"another nano-Q8_0\.gguf than the one the catalogue knows"):
        make_plan(Wanted(HubName("org/nano-GGUF"), pinned=pinned), store, MACHINE)


def test_a_file_of_ones_own_is_copied_checked_and_named_after_itself(settings, store, tmp_path):
    own = tmp_path / "my model.gguf"
    own.write_bytes(resources.embedded_model().read_bytes())
    manifest = import_file(own, store)
    assert manifest.name == "my-model"
    assert manifest.origin == "file"
    own.write_bytes(b"gone")
    assert resolve("my-model", settings).path.read_bytes() == resources.embedded_model().read_bytes()


def test_the_command_shows_the_plan_and_leaves_a_manifest(hub, settings, monkeypatch, capsys):
    from labkit.cli.app import app

    monkeypatch.setenv("LABKIT_HOME", str(settings.data_folder))
    app(["pull", "hf:org/nano-GGUF:Q8_0", "--dry-run"], standalone_mode=False)
    said = capsys.readouterr().err
    assert "org/nano-GGUF at" in said
    assert "fits on CPU" in said
    assert not settings.store_folder.exists()
    app(["pull", "hf:org/nano-GGUF:Q8_0", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["checked"]["prompt_tokens"] > 0
