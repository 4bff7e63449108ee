import io
import logging
from pathlib import Path

import pytest

from labkit.access.keys import draw_key
from labkit.access.redaction import SafeFormatter, on_one_line, without_keys


@pytest.fixture
def logged():
    """A logger, and what it wrote."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(SafeFormatter("%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("test.redaction")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, written.getvalue
    logger.removeHandler(handler)


def test_the_secret_part_of_keys_is_left_out():
    key_id, text = draw_key()
    assert without_keys(f"with {text}!") == f"with lk_{key_id}_...!"
    assert without_keys("hf_AbCdEfGhIjKlMnOpQrSt x") == "hf_... x"
    assert without_keys("authorization: Bearer abc.def") == "authorization: Bearer ..."
    assert without_keys("Bearer") == "Bearer"
    assert without_keys("qwen3_8b sk-1") == "qwen3_8b sk-1"


def test_nobody_else_begins_a_line(logged):
    logger, written = logged
    logger.error("model %s", "x\r\n2026 INFO all is well\x1b[2J\u2028")
    assert written() == "ERROR test.redaction: model x\\r\\n2026 INFO all is well\\x1b[2J\\u2028\n"
    assert on_one_line("é 😀") == "é 😀"


def test_a_traceback_says_where_and_not_what(logged, monkeypatch):
    monkeypatch.delenv("LABKIT_DEBUG", raising=False)
    logger, written = logged
    try:
        try:
            {}["the prompt"]
        except KeyError as error:
            raise ValueError("also the prompt") from error
    except ValueError:
        logger.exception("it broke")
    text = written()
    assert "test_redaction.py" in text
    assert "builtins.ValueError (its text is left out)\ncaused by:\n" in text
    assert "KeyError" in text
    # The line of the source is shown, and nothing that was made of it.
    assert "also the prompt" not in text.replace('raise ValueError("also the prompt")', "")
    monkeypatch.setenv("LABKIT_DEBUG", "1")
    try:
        raise ValueError(f"the {'prompt'} " + draw_key()[1])
    except ValueError:
        logger.exception("it broke")
    assert "the prompt lk_" in written()
    assert "_...\n" in written()


def test_the_system_s_own_words_stay(logged):
    logger, written = logged
    try:
        Path("/nowhere/at all").read_bytes()
    except OSError:
        logger.exception("it broke")
    assert "FileNotFoundError: No such file or directory" in written()
