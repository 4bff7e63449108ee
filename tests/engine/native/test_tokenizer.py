import pytest

from fakes.gguf_metadata import with_metadata
from labkit.engine.native.model import NativeModel
from labkit.engine.native.tokenizer import (
    check_tokens,
    describe_tokenizer,
    detokenize,
    fill_in_middle,
    marker_text,
    prompt_tokens,
)
from labkit.engine.synthetic import write_tiny
from labkit.errors import InvalidRequestError

BEFORE, AFTER, MIDDLE, START = 301, 302, 303, 509


@pytest.fixture(scope="module")
def coder(tmp_path_factory):
    """A model with tokens for filling in the middle, that wants a BOS."""
    folder = tmp_path_factory.mktemp("coder")
    path = with_metadata(
        write_tiny("dense", folder / "plain.gguf"),
        folder / "coder.gguf",
        tokenizer__ggml__fim_pre_token_id=BEFORE,
        tokenizer__ggml__fim_suf_token_id=AFTER,
        tokenizer__ggml__fim_mid_token_id=MIDDLE,
        tokenizer__ggml__add_bos_token=True,
        tokenizer__ggml__bos_token_id=START,
    )
    model = NativeModel(path)
    yield model
    model.close()


def test_a_tokenizer_is_described_by_its_kind_and_the_tokens_with_a_role(backend, coder):
    facts = describe_tokenizer(backend.model)
    assert (facts.kind, facts.adds_bos, facts.adds_eos) == ("BPE", False, False)
    assert facts.special_tokens["eos"] == (2, "<|im_end|>")
    assert "fim_pre" not in facts.special_tokens
    assert "bos" not in facts.special_tokens  # llama.cpp would name an apostrophe
    assert describe_tokenizer(coder).adds_bos
    assert describe_tokenizer(coder).special_tokens["bos"] == (START, "<|endoftext|>")


def test_all_end_tokens_are_known(backend):
    assert backend.model.end_tokens == (0, 2)
    assert all(backend.model.is_end(token) for token in backend.model.end_tokens)


@pytest.mark.parametrize("text", ["Hello <|im_end|>\n é 日本", "", "<tool_call>"])
def test_tokens_are_given_back_as_text_with_their_markers(backend, text):
    assert detokenize(backend.model, backend.model.tokenize(text)) == text


def test_half_a_character_is_a_replacement_character(backend):
    first, _ = backend.model.tokenize("é")
    assert detokenize(backend.model, [first]) == "\ufffd"


@pytest.mark.parametrize(("tokens", "wrong"), [((1, -3, 10**6), "-3 .number 1 of 3"), ((1536,), "1536 .number 0 of 1")])
def test_the_first_id_outside_the_vocabulary_is_named(backend, tokens, wrong):
    with pytest.raises(InvalidRequestError, match=wrong) as caught:
        check_tokens(backend.model, tokens, param="prompt")
    assert caught.value.param == "prompt"


def test_ids_inside_the_vocabulary_are_fine(backend):
    check_tokens(backend.model, (), param="prompt")
    check_tokens(backend.model, (0, 1535), param="prompt")


def test_a_prompt_begins_with_the_models_own_token_and_once(coder, backend):
    text = "and then"
    assert prompt_tokens(coder, text) == (START, *coder.tokenize(text))
    assert prompt_tokens(coder, "<|endoftext|>" + text) == (START, *coder.tokenize(text))
    assert prompt_tokens(backend.model, text) == tuple(backend.model.tokenize(text))


def test_filling_in_the_middle_goes_prefix_suffix_middle_with_markers_as_text(coder):
    prefix, suffix = "def f(<|im_end|>", "return x"
    assert fill_in_middle(coder, prefix, suffix) == [
        START, BEFORE, *coder.tokenize(prefix, parse_special=False), AFTER, *coder.tokenize(suffix), MIDDLE,
    ]  # fmt: skip
    assert fill_in_middle(coder, "", "") == [START, BEFORE, AFTER, MIDDLE]


def test_a_model_that_cannot_fill_in_says_so(backend):
    with pytest.raises(InvalidRequestError, match="no tokens for filling in") as caught:
        fill_in_middle(backend.model, "a", "b")
    assert caught.value.param == "suffix"


def test_a_text_that_is_too_long_is_refused_about_its_own_field(backend):
    with pytest.raises(InvalidRequestError, match="the limit is") as caught:
        prompt_tokens(backend.model, "x" * (1 << 21), param="prompt")
    assert caught.value.param == "prompt"


def test_a_template_is_given_no_text_for_a_token_that_the_model_has_not(coder, backend):
    assert marker_text(coder, START) == coder.token_text(START)
    assert marker_text(backend.model, backend.model.bos) == ""  # llama.cpp says 11, which is a letter here
    assert marker_text(backend.model, -1) == ""
