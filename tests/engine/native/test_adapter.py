import hashlib

import numpy as np
import pytest

from fakes import gguf_writer
from fakes.adapter_writer import write_adapter
from labkit.engine.core.plan import BatchPlan, Span
from labkit.engine.core.sequence import Sequence
from labkit.engine.native.backend import NativeBackend
from labkit.engine.types import AdapterUse, EngineConfig, GenerationRequest
from labkit.errors import InvalidRequestError, ModelLoadError, NativeError
from labkit.resources import embedded_model

NAMES = ("blk.0.attn_q.weight", "blk.1.ffn_down.weight", "blk.2.attn_output.weight")


@pytest.fixture(scope="module")
def adapters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "red": write_adapter(folder / "red.gguf", embedded_model(), NAMES, seed=1),
        "blue": write_adapter(folder / "blue.gguf", embedded_model(), NAMES, seed=2, rank=2),
    }


@pytest.fixture
def loaded(backend, adapters):
    backend.prepare()
    for name, path in adapters.items():
        backend.load_adapter(name, path)
    yield backend
    for name in adapters:
        backend.unload_adapter(name)


def logits(backend, *uses):
    tokens = (5, 60, 700, 8, 9)
    sequence = Sequence(GenerationRequest("a", tokens), arrived=0.0, slot=0)
    backend.free_cells(0)
    backend.forward(BatchPlan((Span(sequence, 0, 5, wants_logits=True),), adapters=uses))
    return backend.logits(4).copy()


def test_scale_0_is_the_base_and_scale_1_is_not(loaded):
    base = logits(loaded)
    assert np.array_equal(logits(loaded, AdapterUse("red", 0.0)), base)
    red = logits(loaded, AdapterUse("red"))
    assert np.abs(red - base).max() > 0.1
    assert np.abs(logits(loaded, AdapterUse("red", 0.5)) - red).max() > 0.05
    assert np.array_equal(logits(loaded), base)


def test_two_adapters_together_are_their_sum(backend, tmp_path):
    # The weights' changes add up, so the same one twice is the same as once at scale 2.
    backend.prepare()
    one = write_adapter(tmp_path / "one.gguf", embedded_model(), NAMES, seed=4)
    for name in ("left", "right"):
        backend.load_adapter(name, one)
    twice = logits(backend, AdapterUse("left", 2.0))
    both = logits(backend, AdapterUse("left"), AdapterUse("right"))
    parts = logits(backend, AdapterUse("left", 0.5), AdapterUse("right", 1.5))
    single = logits(backend, AdapterUse("left"))
    for name in ("left", "right"):
        backend.unload_adapter(name)
    assert np.abs(both - twice).max() < 1e-2
    assert np.abs(parts - twice).max() < 1e-2
    assert np.abs(single - twice).max() > 0.1


def test_a_digest_tells_files_apart(loaded, adapters):
    assert loaded.adapter_digest("red") == hashlib.sha256(adapters["red"].read_bytes()).hexdigest()
    assert loaded.adapter_digest("red") != loaded.adapter_digest("blue")


def test_an_adapter_that_is_set_can_be_unloaded(backend, adapters):
    backend.prepare()
    base = logits(backend)
    backend.load_adapter("red", adapters["red"])
    logits(backend, AdapterUse("red"))
    backend.unload_adapter("red")
    assert np.array_equal(logits(backend), base)


@pytest.mark.parametrize(
    "uses", [(AdapterUse("green"),), (AdapterUse("red"), AdapterUse("red")), (AdapterUse("red", float("nan")),)]
)
def test_a_request_for_what_cannot_be_had(loaded, uses):
    with pytest.raises(InvalidRequestError) as caught:
        loaded.open(GenerationRequest("a", (1,), adapters=uses))
    assert caught.value.param == "lora"


def test_names(loaded, adapters):
    with pytest.raises(InvalidRequestError, match="loaded already"):
        loaded.load_adapter("red", adapters["red"])
    with pytest.raises(InvalidRequestError, match="no adapter named"):
        loaded.unload_adapter("green")


def double(key):
    return {key: gguf_writer.Typed(gguf_writer.FLOAT64, 4.0)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metadata": {"general.type": "model"}}, "no LoRA adapter"),
        ({"metadata": {"general.type": 3}}, "no LoRA adapter"),
        ({"metadata": {"adapter.type": "cvec"}}, "no LoRA adapter"),
        ({"metadata": {"general.architecture": "llama"}}, "architecture"),
        ({"metadata": {"adapter.lora.alpha": "4"}}, "float32"),
        ({"metadata": double("adapter.lora.alpha")}, "float32"),
        ({"metadata": {"adapter.lora.alpha": float("nan")}}, "float32"),
        ({"metadata": {"adapter.alora.invocation_tokens": gguf_writer.uint32s([1])}}, "activated"),
        ({"tensors": {"blk.0.attn_q.weight.lora_b": None}}, "other half"),
        ({"tensors": {"output_thing": ((4,), gguf_writer.F32)}}, "no part of an adapter"),
        ({"tensors": {"blk.0.attn_q.weight.lora_a": ((32, 4), gguf_writer.F32)}}, "in the base model"),
        ({"tensors": {"blk.0.attn_q.weight.lora_a": ((128, 4, 2), gguf_writer.F32)}}, "in the base model"),
    ],
)
def test_what_llama_cpp_would_die_of_is_refused_before(backend, tmp_path, changes, message):
    path = write_adapter(tmp_path / "bad.gguf", embedded_model(), NAMES, **changes)
    with pytest.raises(ModelLoadError, match=message):
        backend.load_adapter("bad", path)


def test_an_embedding_that_is_also_the_output_is_refused(backend, tmp_path):
    path = write_adapter(tmp_path / "tied.gguf", embedded_model(), ("token_embd.weight",))
    with pytest.raises(ModelLoadError, match="also the output"):
        backend.load_adapter("tied", path)


def test_files_that_are_none(backend, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    for path in (broken, tmp_path, tmp_path / "absent.gguf"):
        with pytest.raises(ModelLoadError):
            backend.load_adapter("x", path)


def test_adapters_go_with_the_backend(adapters):
    backend = NativeBackend(embedded_model(), EngineConfig(context_tokens=256, num_slots=1, num_threads=1))
    backend.prepare()
    backend.load_adapter("red", adapters["red"])
    logits(backend, AdapterUse("red"))
    backend.release()
    with pytest.raises(NativeError, match="closed"):
        backend.load_adapter("blue", adapters["blue"])
