"""The native core's own sizing, asked in a child: tiny files of every kind of memory, and files that are none."""

import pytest

from labkit.engine.synthetic import TINY, plan_synthetic, write_sparse, write_tiny
from labkit.errors import NativeError
from labkit.estimate import ContextSettings, cache_bytes, compute_bytes
from labkit.estimate.native import NativePlacement, parse_size, size_natively
from labkit.gguf import file_facts, read_header, validate

CONTEXTS = (
    ContextSettings(4096, num_outputs=1),
    ContextSettings(4096, 4, 128, num_outputs=4, kv_type="q8_0"),
    ContextSettings(8192, 4, flash_attention=False, unified=True),
    ContextSettings(4096, 2, full_window_cache=True, unified=True),
)


@pytest.mark.parametrize("kind", TINY)
def test_formulas_agree_with_the_native_core(kind, tmp_path):
    path = write_tiny(kind, tmp_path / "model.gguf")
    facts = file_facts(validate(path))
    for context, size in zip(CONTEXTS, size_natively(path, CONTEXTS), strict=True):
        assert size.total.model_bytes >= facts.weight_bytes
        assert size.total.context_bytes == cache_bytes(facts.architecture.layers, context)
        assert size.total.compute_bytes <= compute_bytes(facts.architecture, context)
        assert size.devices == ("CPU",)


def test_a_hole_with_a_header_is_enough(tmp_path):
    path = write_sparse(plan_synthetic(TINY["dense"], "Q8_0"), tmp_path / "model.gguf")
    (size,) = size_natively(path, (ContextSettings(4096),))
    assert size.on("CPU").total_bytes == size.total.total_bytes > 0
    assert file_facts(read_header(path)).architecture.vocab_size == TINY["dense"].vocab_size


def test_a_refused_context_is_none_and_the_others_stand(tmp_path):
    path = write_tiny("dense", tmp_path / "model.gguf")
    first, second = size_natively(path, (ContextSettings(0), ContextSettings(4096)))
    assert first is None
    assert second.total.context_bytes


def test_tensors_may_be_sent_elsewhere(tmp_path):
    path = write_tiny("moe", tmp_path / "model.gguf")
    placement = NativePlacement(gpu_layers=2, overrides=((r"blk\.0\.ffn_.*_exps", "CPU"),))
    (size,) = size_natively(path, (ContextSettings(4096),), placement)
    assert size.on("CPU").model_bytes


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model at all" * 10])
def test_a_file_that_is_no_model_is_a_clear_error(content, tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(NativeError, match=r"cannot size broken\.gguf") as caught:
        size_natively(path, (ContextSettings(4096),))
    assert caught.value.hint


def test_an_unknown_device_is_refused(tmp_path):
    path = write_tiny("dense", tmp_path / "model.gguf")
    with pytest.raises(NativeError, match="no device CUDA7"):
        size_natively(path, (ContextSettings(4096),), NativePlacement(overrides=((".*", "CUDA7"),)))


def test_a_core_that_does_not_load_is_a_clear_error(tmp_path, monkeypatch):
    path = write_tiny("dense", tmp_path / "model.gguf")
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    with pytest.raises(NativeError, match=r"cannot size model\.gguf"):
        size_natively(path, (ContextSettings(4096),))


def test_sizes_are_summed_by_device():
    use = {"device": "CPU", "kind": "cpu", "model_bytes": 1, "context_bytes": 2, "compute_bytes": 3}
    card = use | {"memory": "CUDA0", "device": "CUDA0", "kind": "gpu", "model_bytes": 10}
    size = parse_size([use | {"memory": "CPU"}, use | {"memory": "CPU_REPACK"}, card])
    assert size.devices == ("CUDA0", "CPU")
    assert size.on("CPU").total_bytes == 12
    assert size.on("CUDA0").model_bytes == 10
    assert size.on("none").total_bytes == 0
    assert size.total.model_bytes == 12
    assert parse_size({"error": "no"}) is None
