import pytest

from labkit.engine.text import Detokenizer

TEXTS = ["plain", "grüße", "日本語のテキスト", "family 👨‍👩‍👧 and flag 🇨🇭", "\u0000\u007f\u0080\uffff"]


@pytest.mark.parametrize("text", TEXTS)
def test_byte_by_byte_gives_the_text_and_never_half_a_character(text):
    detokenizer = Detokenizer()
    parts = [detokenizer.feed(bytes([byte])) for byte in text.encode()]
    assert "".join(parts) + detokenizer.flush() == text
    assert "\ufffd" not in "".join(parts)


def test_a_character_that_never_closes_is_replaced_at_the_end():
    detokenizer = Detokenizer()
    assert detokenizer.feed("é".encode()[:1]) == ""
    assert detokenizer.flush() == "\ufffd"
