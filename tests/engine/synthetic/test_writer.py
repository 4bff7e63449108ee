import shutil
from collections import namedtuple

import numpy as np
import pytest

from labkit.engine.synthetic import SyntheticShape, plan_synthetic, write_synthetic, write_tiny
from labkit.errors import DataFolderError, InputError
from labkit.gguf import validate

SHAPE = SyntheticShape("small", "llama", 2, 512, 1024, 8, 4, 64, 5000, rope_factors=True)


def rows(path, name):
    """Raw rows of a matrix."""
    header = validate(path)
    tensor = next(tensor for tensor in header.tensors if tensor.name == name)
    start = header.data_offset + tensor.offset
    data = np.fromfile(path, np.uint8, tensor.num_bytes, offset=start)
    return data.reshape(tensor.dimensions[1], -1)


def test_the_file_holds_exactly_the_planned_tensors(tmp_path):
    plan = plan_synthetic(SHAPE, "Q4_K_M")
    header = validate(write_synthetic(plan, tmp_path / "model.gguf"))
    found = {tensor.name: (tensor.dimensions, tensor.type) for tensor in header.tensors}
    assert found == {row.name: (row.dimensions, kind) for row, kind in plan.tensors}
    assert sum(tensor.num_bytes for tensor in header.tensors) == plan.weight_bytes


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    plan = plan_synthetic(SHAPE, "Q8_0")
    first, again, other = (
        write_synthetic(plan, tmp_path / f"{number}.gguf", seed=seed).read_bytes()
        for number, seed in enumerate((1, 1, 2))
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("quantization", ["Q4_K_M", "Q8_0", "F16"])
def test_no_two_tokens_share_an_embedding(tmp_path, quantization):
    path = write_synthetic(plan_synthetic(SHAPE, quantization), tmp_path / "model.gguf")
    embeddings = rows(path, "token_embd.weight")
    assert len(np.unique(embeddings[:-3], axis=0)) == SHAPE.vocab_size - 3
    assert not embeddings[-3:].any()


def test_progress_ends_at_the_size_of_the_file(tmp_path):
    steps = []
    path = write_synthetic(
        plan_synthetic(SHAPE, "Q8_0"), tmp_path / "m.gguf", on_progress=lambda done, total: steps.append((done, total))
    )
    size = path.stat().st_size
    assert steps[-1] == (size, size)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_an_interrupted_writer_leaves_nothing(tmp_path):
    def stop(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_synthetic(plan_synthetic(SHAPE, "Q8_0"), tmp_path / "model.gguf", on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_with_figures(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(100, 99, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(DataFolderError, match="1 B free"):
        write_synthetic(plan_synthetic(SHAPE, "Q8_0"), tmp_path / "model.gguf")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match="cannot write"):
        write_tiny("dense", tmp_path / "file" / "model.gguf")


def test_an_architecture_without_a_rule_is_refused():
    with pytest.raises(InputError, match="'rwkv7'"):
        plan_synthetic(SyntheticShape("x", "rwkv7", 1, 64, 64, 1, 1, 64, 300), "Q8_0")


@pytest.mark.parametrize("architecture", ["qwen3moe", "mamba"])
def test_a_shape_without_the_needed_part_is_refused(architecture):
    with pytest.raises(InputError, match="x has no"):
        plan_synthetic(SyntheticShape("x", architecture, 1, 64, 64, 1, 1, 64, 300), "Q8_0")
