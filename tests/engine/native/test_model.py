import pytest

from labkit.engine.native.model import NativeModel, _number
from labkit.errors import InvalidRequestError, ModelLoadError

TEXTS = ["hello", " grüße 123", '{"a": [1, 2]}', "日本 👋\n\n\ttab", ""]


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_of_a_text_are_the_text(backend, text):
    tokens = backend.model.tokenize(text)
    assert b"".join(backend.model.piece(token) for token in tokens).decode() == text


def test_control_tokens_are_silent_and_end_tokens_end(backend):
    (end,) = backend.model.tokenize("<|im_end|>")
    assert backend.model.is_end(end)
    assert backend.model.piece(end) == b""
    assert backend.model.token_text(end) == "<|im_end|>"
    assert backend.model.token_text(-1) == ""
    assert len(backend.model.tokenize("<|im_end|>", parse_special=False)) > 1


def test_tool_call_markers_are_text_a_client_sees(backend):
    (marker,) = backend.model.tokenize("<tool_call>")
    assert backend.model.is_marker(marker)
    assert backend.model.piece(marker) == b"<tool_call>"


@pytest.mark.parametrize("token", [-1, 10**9])
def test_an_id_outside_the_vocabulary_is_refused_before_llama_cpp_aborts(backend, token):
    for look_up in (backend.model.piece, backend.model.is_end, backend.model.is_marker):
        with pytest.raises(InvalidRequestError, match="outside the vocabulary"):
            look_up(token)


def test_a_closed_model_says_so():
    from labkit.resources import embedded_model

    model = NativeModel(embedded_model())
    model.close()
    model.close()
    with pytest.raises(ModelLoadError, match="closed"):
        _ = model.pointer


def test_what_is_no_model_is_refused(tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelLoadError, match=r"cannot load broken\.gguf"):
        NativeModel(broken)
    with pytest.raises(ModelLoadError, match="there is no file"):
        NativeModel(tmp_path)


@pytest.mark.parametrize(
    ("text", "number"),
    [(None, None), ("0.000000", 0.0), ("0.7", 0.7), ("nan", None), ("-1", None), ("inf", None), ("x", None)],
)
def test_what_a_file_recommends_is_taken_when_it_is_a_sensible_number(text, number):
    assert _number(text) == number


def test_the_description_counts_what_llama_cpp_has_no_name_for(backend):
    assert backend.model.description == f"qwen3 {backend.model.num_parameters / 1e6:.1f}M Q8_0"


def test_metadata_of_the_file(backend):
    assert backend.model.metadata("general.architecture") == "qwen3"
    assert backend.model.metadata("no.such.key") is None
