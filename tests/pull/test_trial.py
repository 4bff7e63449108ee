"""The trial: a process of its own that may die, of a native crash, of a template that does not end, or of memory."""

import sys

import pytest

from fakes import gguf_writer as writer
from fakes.gguf_mutants.bases import base
from fakes.gguf_mutants.controls import PICKY
from fakes.gguf_mutants.templates import KEY, STOPPED
from labkit.pull import trial as trial_module
from labkit.pull import try_model
from labkit.pull.trial import without_secrets
from labkit.resources import embedded_model


def with_template(path, template):
    path.write_bytes(base("bpe").setting(KEY, template).to_bytes())
    return path


def test_a_good_model_answers():
    result = try_model(embedded_model())
    assert result.problem == ""
    assert result.prompt_tokens > 10
    assert result.core_version


def test_a_template_that_does_not_end_is_said_in_words(tmp_path):
    result = try_model(with_template(tmp_path / "m.gguf", STOPPED["integer power"]))
    assert result.problem == "the model's chat template did not end within 2 s and was stopped"


def test_a_template_that_takes_all_memory_is_said_in_words(tmp_path):
    result = try_model(with_template(tmp_path / "m.gguf", STOPPED["doubling text"]))
    assert "wants more than 512 MiB of memory" in result.problem


@pytest.mark.parametrize("name", ["wants a system message", "wants tools"])
def test_a_picky_template_is_not_refused(tmp_path, name):
    result = try_model(with_template(tmp_path / "m.gguf", PICKY[name]))
    assert result.problem == ""
    assert result.prompt_tokens


def test_a_native_crash_says_where(tmp_path):
    """Norms in F16: the reader lets them pass, because some backends take them; the processor's kernels abort."""
    from fakes.gguf_mutants.document import parse

    document = parse(writer.write_tiny_llama(tmp_path / "m.gguf").read_bytes())
    from dataclasses import replace

    tensors = tuple(
        replace(tensor, kind=writer.F16, data=tensor.data[: len(tensor.data) // 2])
        if b"norm" in tensor.name else tensor for tensor in document.tensors
    )  # fmt: skip
    (tmp_path / "m.gguf").write_bytes(document.with_(tensors=tensors).to_bytes())
    result = try_model(tmp_path / "m.gguf")
    assert result.problem == "the native core crashed (SIGABRT) when it answered a prompt"


def test_a_file_that_takes_too_long_is_given_up(monkeypatch, tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(trial_module, "COMMAND", (sys.executable, "-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(trial_module, "LEAST_SECONDS", 0.5)
    assert try_model(tmp_path / "m.gguf").problem.startswith("it did not answer a prompt within")


def test_the_trial_gets_no_keys():
    kept = without_secrets({"PATH": "/bin", "HF_TOKEN": "x", "OPENAI_API_KEY": "x", "AWS_SECRET": "x", "HOME": "/root"})
    assert kept == {"PATH": "/bin", "HOME": "/root"}
