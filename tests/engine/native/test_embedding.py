import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fakes.embedding_models import bert_scores, bert_token_vectors, bert_weights, write_tiny_bert, write_tiny_qwen3
from labkit.engine.native.embedding import NativeEmbeddingContext
from labkit.engine.native.model import NativeModel
from labkit.errors import ForwardError
from labkit.gguf import embedding_facts, validate

TEXTS = ["hello, world", "a", "some longer words here, and more", "x y z", "0 1 2 3"]


def cosine(a, b):
    a, b = np.ravel(a), np.ravel(b)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    paths = {
        "bert": write_tiny_bert(folder / "bert.gguf"),
        "bert-rank": write_tiny_bert(folder / "bert-rank.gguf", pooling="rank", head=1),
        "qwen3": write_tiny_qwen3(folder / "qwen3.gguf"),
        "qwen3-rank": write_tiny_qwen3(folder / "qwen3-rank.gguf", pooling="rank", head=2, labels=("yes", "no")),
    }
    for path in paths.values():
        validate(path)
    loaded = {name: NativeModel(path) for name, path in paths.items()}
    yield loaded
    for model in loaded.values():
        model.close()


@pytest.fixture
def context(models):
    """Makes contexts, and closes them in the end."""
    made = []

    def make(name, pooling, batch_tokens=64, sequence_tokens=256, num_sequences=8):
        sizes = {"batch_tokens": batch_tokens, "sequence_tokens": sequence_tokens, "num_sequences": num_sequences}
        made.append(NativeEmbeddingContext(models[name], pooling=pooling, **sizes))
        return made[-1]

    yield make
    for one in made:
        one.close()


def inputs(model, texts=TEXTS):
    return [model.tokenize(text, add_special=True) for text in texts]


@pytest.mark.parametrize(("pooling", "pool"), [("mean", lambda x: x.mean(0)), ("cls", lambda x: x[0])])
def test_bert_matches_a_plain_forward_of_its_weights(models, context, pooling, pool):
    weights = bert_weights()
    wanted = inputs(models["bert"])
    for tokens, vector in zip(wanted, context("bert", pooling).forward(wanted), strict=True):
        assert vector.shape == (64,)
        assert cosine(vector, pool(bert_token_vectors(weights, tokens))) > 0.9999


def test_bert_without_pooling_gives_each_tokens_vector(models, context):
    weights = bert_weights()
    wanted = inputs(models["bert"])
    for tokens, rows in zip(wanted, context("bert", "none").forward(wanted), strict=True):
        assert rows.shape == (len(tokens), 64)
        assert cosine(rows, bert_token_vectors(weights, tokens)) > 0.9999


def test_bert_rank_scores_match_its_head(models, context):
    weights = bert_weights(head=1)
    wanted = inputs(models["bert-rank"])
    for tokens, scores in zip(wanted, context("bert-rank", "rank").forward(wanted), strict=True):
        assert scores.shape == (1,)
        np.testing.assert_allclose(scores, bert_scores(weights, tokens), atol=5e-3)


KINDS = [*itertools.product(("bert", "qwen3"), ("mean", "cls", "last", "none"))]


@pytest.mark.parametrize(("name", "pooling"), [*KINDS, ("bert-rank", "rank"), ("qwen3-rank", "rank")])
def test_together_equals_alone_in_any_order(models, context, name, pooling):
    one = context(name, pooling)
    wanted = inputs(models[name])
    together = one.forward(wanted)
    reverse = one.forward(wanted[::-1])[::-1]
    for tokens, vector, other in zip(wanted, together, reverse, strict=True):
        alone = one.forward([tokens])[0]
        assert cosine(vector, alone) > 0.9999
        assert cosine(other, alone) > 0.9999
        np.testing.assert_allclose(vector, alone, atol=2e-3)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last", "none"])
def test_a_causal_model_computes_a_long_input_in_pieces(context, pooling):
    tokens = [int(token) for token in np.random.default_rng(0).integers(0, 256, 200)]
    whole = context("qwen3", pooling, batch_tokens=256).forward([tokens])[0]
    pieces = context("qwen3", pooling, batch_tokens=32).forward([tokens])[0]
    assert whole.shape == pieces.shape
    assert cosine(whole, pieces) > 0.9999


def test_last_pooling_sees_the_whole_input_and_cls_only_its_start(models, context):
    start = models["qwen3"].tokenize("the same beginning")
    last, cls = (context("qwen3", pooling).forward([[*start, 65], [*start, 66]]) for pooling in ("last", "cls"))
    assert cosine(*last) < 0.99
    assert cosine(*cls) > 0.9999


def test_an_encoder_has_room_for_its_longest_input_whatever_the_batch(models, context):
    one = context("bert", "mean", batch_tokens=16)
    assert (one.sequence_tokens, one.batch_tokens, one.is_causal) == (64, 16, False)
    tokens = [5] * 64
    assert cosine(one.forward([tokens])[0], bert_token_vectors(bert_weights(), tokens).mean(0)) > 0.9999


def test_rank_of_qwen3_is_a_share_of_its_labels(models, context):
    scores = context("qwen3-rank", "rank").forward(inputs(models["qwen3-rank"]))
    for row in scores:
        assert row.shape == (2,)
        assert row.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([], "0 inputs"),
        ([[5]] * 9, "9 inputs"),
        ([[]], "0 tokens"),
        ([[5] * 65], "65 tokens"),
        ([[5] * 40, [5] * 40], "80 tokens"),
        ([[-1]], "vocabulary"),
        ([[79]], "vocabulary"),
    ],
)
def test_what_llama_cpp_would_not_survive_is_an_error_before_the_call(context, wanted, words):
    one = context("bert", "mean")
    with pytest.raises(ForwardError, match=words):
        one.forward(wanted)
    assert len(one.forward([[5]])) == 1


def test_a_closed_context_says_so(context):
    one = context("bert", "mean")
    one.close()
    one.close()
    with pytest.raises(ForwardError, match="closed"):
        one.forward([[5]])


def test_more_sequences_than_llama_cpp_has_are_not_asked_for(context):
    assert context("bert", "mean", batch_tokens=64, num_sequences=5000).max_inputs == 64


LOAD = """
import sys
from pathlib import Path
from labkit.engine.native.embedding import NativeEmbeddingContext
from labkit.engine.native.model import NativeModel
from labkit.gguf import embedding_facts, validate
path = Path(sys.argv[1])
facts = embedding_facts(validate(path))
model = NativeModel(path)
context = NativeEmbeddingContext(
    model, pooling=facts.choose_pooling(), sequence_tokens=512, batch_tokens=64, num_sequences=4
)
print(len(context.forward([model.tokenize("hello", add_special=True)])))
"""


@pytest.mark.parametrize("name", ["nano", "bert-two-scores"])
def test_models_of_other_kinds_in_a_process_of_their_own(tmp_path, name):
    if name == "nano":
        path = Path(__file__).parents[3] / "src/labkit/embedded/labkit-nano-q8_0.gguf"
    else:
        path = write_tiny_bert(tmp_path / "two.gguf", pooling="rank", head=2, labels=("yes", "no"))
    done = subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr[-2000:]


def test_facts_of_the_files(models, tmp_path):
    facts = embedding_facts(validate(write_tiny_qwen3(tmp_path / "q.gguf", pooling=None)))
    assert (facts.pooling, facts.purpose, facts.choose_pooling()) == (None, None, "last")
