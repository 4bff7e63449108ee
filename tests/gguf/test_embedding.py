import pytest

from fakes.embedding_models import write_tiny_bert, write_tiny_qwen3
from fakes.gguf_writer import write_tiny_llama
from labkit.errors import InvalidModelFileError
from labkit.gguf import EmbeddingFacts, embedding_facts, validate


def facts(path):
    return embedding_facts(validate(path))


def test_a_chat_model_has_no_purpose_but_can_be_pooled(tmp_path):
    found = facts(write_tiny_llama(tmp_path / "a.gguf"))
    assert found == EmbeddingFacts("llama", None, False, (), 0)
    assert (found.purpose, found.choose_pooling(), found.choose_pooling("mean")) == (None, "last", "mean")


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_what_the_file_states_is_taken(tmp_path, pooling):
    found = facts(write_tiny_bert(tmp_path / "a.gguf", pooling=pooling))
    assert (found.purpose, found.choose_pooling(), found.is_encoder) == ("embeddings", pooling, True)


def test_an_encoder_that_states_nothing_is_pooled_by_mean(tmp_path):
    for pooling in (None, "none"):
        found = facts(write_tiny_bert(tmp_path / "a.gguf", pooling=pooling))
        assert (found.purpose, found.choose_pooling()) == ("embeddings", "mean")


def test_rerankers(tmp_path):
    found = facts(write_tiny_bert(tmp_path / "a.gguf", pooling="rank", head=1))
    assert (found.purpose, found.num_scores, found.choose_pooling()) == ("rerank", 1, "rank")
    found = facts(write_tiny_qwen3(tmp_path / "b.gguf", pooling="rank", head=2, labels=("yes", "no")))
    assert (found.labels, found.num_scores, found.choose_pooling()) == (("yes", "no"), 2, "rank")


def test_ranking_needs_a_head(tmp_path):
    with pytest.raises(InvalidModelFileError, match="no head that ranks") as caught:
        facts(write_tiny_bert(tmp_path / "a.gguf", pooling="rank")).choose_pooling()
    assert "similarity" in caught.value.hint
    with pytest.raises(InvalidModelFileError, match="no head that ranks"):
        facts(write_tiny_bert(tmp_path / "a.gguf")).choose_pooling("rank")


def test_one_output_behind_a_softmax_says_nothing(tmp_path):
    with pytest.raises(InvalidModelFileError, match="every score would be 1"):
        facts(write_tiny_qwen3(tmp_path / "a.gguf", pooling="rank", head=1)).choose_pooling()


def test_a_head_of_another_size_than_its_labels_is_refused(tmp_path):
    with pytest.raises(InvalidModelFileError, match="3 outputs for 2 labels"):
        validate(write_tiny_bert(tmp_path / "a.gguf", pooling="rank", head=3, labels=("yes", "no")))


def test_an_unknown_pooling_type_is_refused(tmp_path):
    with pytest.raises(InvalidModelFileError, match=r"llama\.pooling_type"):
        validate(write_tiny_llama(tmp_path / "a.gguf", **{"llama.pooling_type": 7}))


def test_heads_that_do_not_divide_an_encoder_are_refused(tmp_path):
    path = write_tiny_bert(tmp_path / "a.gguf")
    heads = b"bert.attention.head_count\x04\x00\x00\x00"
    raw = path.read_bytes()
    assert raw.count(heads + b"\x04") == 1
    path.write_bytes(raw.replace(heads + b"\x04", heads + b"\x07"))
    with pytest.raises(InvalidModelFileError, match="cannot share"):
        validate(path)


def test_a_small_word_piece_vocabulary_must_name_its_tokens(tmp_path):
    path = write_tiny_bert(tmp_path / "a.gguf")
    raw = path.read_bytes()
    for name in (b"bos", b"seperator", b"unknown"):
        key = b"tokenizer.ggml." + name + b"_token_id"
        path.write_bytes(raw.replace(key, key[:-2] + b"xx"))
        with pytest.raises(InvalidModelFileError, match=f"no {name.decode()} token"):
            validate(path)
