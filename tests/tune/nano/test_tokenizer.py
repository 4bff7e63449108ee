import random

import pytest

import gguf
from labkit.engine.native.model import NativeModel
from labkit.resources import embedded_model
from labkit.tune.nano.conversation import build_conversation, render
from labkit.tune.nano.tasks import TASKS
from labkit.tune.nano.tokenizer import END, build_tokenizer, train_tokenizer, trained_mask

ALL_TASKS = dict.fromkeys(TASKS, 1.0)
ODD_TEXTS = (
    "Zürich, 東京 and 🦆!  two  spaces\n\n\ttab",
    '{"a": [1, 2.5, -3], "b": null}\r\n',
    "it's we'll I'M don't",
    "x=1; y+=2 // ok? (yes) #3",
    " leading and trailing ",
    "<tool_call>{}</tool_call>",
)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [render(build_conversation(random.Random(seed), ALL_TASKS)) for seed in range(300)]


@pytest.fixture(scope="module")
def shipped():
    fields = gguf.GGUFReader(embedded_model()).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    return build_tokenizer({token: index for index, token in enumerate(tokens)}, merges)


def test_the_shipped_file_tokenizes_as_in_training(shipped, texts):
    native = NativeModel(embedded_model())
    try:
        for text in (*texts, *ODD_TEXTS):
            assert native.tokenize(text) == shipped.encode(text).ids, text
    finally:
        native.close()


def test_text_survives_the_round_trip(shipped, texts):
    for text in (*texts[:50], *ODD_TEXTS):
        assert shipped.decode(shipped.encode(text).ids, skip_special_tokens=False) == text


def test_a_word_has_the_same_tokens_in_every_context(shipped):
    for word in ("Oslo", "kettle", "zorbelan", "Tgrix"):
        plain = shipped.encode(word).tokens
        for text in (f"x {word}", f'"{word}"', f"({word})", f"_{word}", f"\n{word}"):
            assert any(shipped.encode(text).tokens[at : at + len(plain)] == plain for at in range(9)), text


def test_digits_stand_alone(shipped):
    assert shipped.encode("2048").tokens == ["2", "0", "4", "8"]


def test_the_mask_covers_answers_with_their_end_and_nothing_else(shipped, texts):
    for seed, text in enumerate(texts):
        tokens = shipped.encode(text).ids
        mask = trained_mask(tokens, shipped)
        answers = [part.split(END)[0] + END for part in text.split("<|im_start|>assistant\n")[1:]]
        trained = [token for token, is_trained in zip(tokens, mask, strict=True) if is_trained]
        assert shipped.decode(trained, skip_special_tokens=False) == "".join(answers), seed


def test_a_cut_conversation_is_masked_to_its_end(shipped):
    tokens = shipped.encode("<|im_start|>assistant\nhello you").ids
    assert trained_mask(tokens, shipped)[-1]


def test_no_learned_token_joins_letters_and_marks(texts):
    tokenizer = train_tokenizer(texts, 500, 10, {"oslo"})
    assert tokenizer.get_vocab_size() == 500
    learned = [token for token in tokenizer.get_vocab() if not token.startswith("<")]
    for token in learned:
        body = token.removeprefix("Ġ")
        assert body.isalpha() or not any(char.isascii() and char.isalpha() for char in body), token
