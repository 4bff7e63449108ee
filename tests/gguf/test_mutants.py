"""Mutants: whatever a file holds, the reader raises its own error or reads it, and no valid file is refused."""

import pytest

from fakes import gguf_writer as writer
from fakes.gguf_mutants import make_mutant
from fakes.gguf_mutants.controls import controls
from labkit.errors import InvalidModelFileError
from labkit.gguf import file_facts, read_header, validate
from labkit.pull import try_model

# Seeds of the mutants that have killed the core in the trial before the reader knew better.
KILLED_THE_CORE = (72, 438, 565, 842, 980, 1247, 1272, 1595)


def written(mutant, folder):
    for name, content in mutant.files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in mutant.files]


def read(paths):
    headers = [validate(paths[0]), *(read_header(path) for path in paths[1:])]
    return file_facts(headers[0])


def test_mutants_raise_nothing_but_our_error(tmp_path):
    refused = []
    for seed in range(10_000, 10_150):
        try:
            read(written(make_mutant(seed), tmp_path))
        except InvalidModelFileError as error:
            refused.append(error)
    assert 40 < len(refused) < 120
    assert all(error.message and error.hint for error in refused)


@pytest.mark.parametrize("seed", KILLED_THE_CORE)
def test_what_killed_the_core_is_refused_by_the_reader(tmp_path, seed):
    with pytest.raises(InvalidModelFileError):
        read(written(make_mutant(seed), tmp_path))


def test_no_control_is_refused(tmp_path):
    found = controls()
    assert len(found) >= 40
    for control in found:
        assert read(written(control, tmp_path)).weight_bytes > 0


def test_some_mutants_go_through_the_trial_and_this_process_lives(tmp_path):
    results = []
    for seed in range(20_000, 20_040):
        paths = written(make_mutant(seed, family="hyper-parameters"), tmp_path)
        try:
            read(paths)
        except InvalidModelFileError:
            continue
        results.append(try_model(paths[0]))
        if len(results) == 4:
            break
    assert len(results) == 4
    assert all(result.problem or result.prompt_tokens for result in results)


def test_a_vocabulary_of_empty_tokens_is_judged_in_a_moment(tmp_path):
    tokens = [b""] * 200_000
    metadata, tensors = writer.tiny_llama(**{"tokenizer.ggml.tokens": tokens})
    path = writer.write(tmp_path / "m.gguf", metadata, tensors)
    with pytest.raises(InvalidModelFileError):  # each compared with each of them would take an hour
        validate(path)
