import numpy as np
import pytest

from fakes.embedding_models import bert_token_vectors, bert_weights, write_tiny_bert, write_tiny_qwen3
from labkit.engine.native.embedding_backend import CPU_BATCH_TOKENS, NativeEmbeddingBackend
from labkit.engine.native.model import NativeModel
from labkit.engine.native.threads import usable_cores
from labkit.engine.types import EngineConfig
from labkit.errors import InvalidModelFileError
from labkit.gguf import embedding_facts, validate


@pytest.fixture
def load(tmp_path):
    opened = []

    def load(write, config, **options):
        path = write(tmp_path / f"{len(opened)}.gguf", **options)
        model = NativeModel(path)
        opened.append(model)
        backend = NativeEmbeddingBackend(model, config, embedding_facts(validate(path)))
        opened.append(backend)
        return backend

    yield load
    for one in reversed(opened):
        one.close() if isinstance(one, NativeModel) else one.release()


def test_it_takes_the_files_pooling_and_the_models_limits(load):
    backend = load(write_tiny_bert, EngineConfig(num_threads=1))
    assert (backend.context.pooling, backend.size, backend.sequence_tokens) == ("mean", 64, 64)
    assert backend.batch_tokens <= CPU_BATCH_TOKENS
    assert load(write_tiny_qwen3, EngineConfig(num_threads=1, context_tokens=100)).sequence_tokens == 100


def test_another_pooling_can_be_asked_for_but_no_rank_without_a_head(load):
    assert load(write_tiny_bert, EngineConfig(num_threads=1, pooling="cls")).context.pooling == "cls"
    with pytest.raises(InvalidModelFileError, match="no head"):
        load(write_tiny_bert, EngineConfig(num_threads=1, pooling="rank"))


@pytest.mark.parametrize("num_threads", [1, None])
def test_threads_change_no_vector(load, num_threads):
    backend = load(write_tiny_bert, EngineConfig(num_threads=num_threads))
    backend.prepare()
    expected = bert_token_vectors(bert_weights(), [5, 6, 7]).mean(0)
    for _ in range(20):
        (vector,) = backend.forward([[5, 6, 7]])
        np.testing.assert_allclose(vector, expected, atol=5e-3)
        assert 1 <= backend.num_threads <= usable_cores()
