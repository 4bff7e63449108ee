"""Log lines without what must not be in them: keys, prompts in the text of exceptions, line breaks of others.

An exception's text may quote what a client sent (a KeyError its key, a validator its input), so a traceback says where
and of which class, and no more. LABKIT_DEBUG=1 brings the texts back, for whoever looks for a bug on his own machine.
"""

import logging
import os
import re
import traceback
from types import TracebackType

MAX_FRAMES = 40
MAX_CHAIN = 8
_SECRETS = (
    (re.compile(r"\b(lk_[0-9a-f]{8})_[0-9a-f]+"), r"\1_..."),
    (re.compile(r"\b(hf|sk)[_-][A-Za-z0-9_-]{16,}"), r"\1_..."),
    (re.compile(r"\b(bearer) +[^\s'\",]+", re.IGNORECASE), r"\1 ..."),
)
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class SafeFormatter(logging.Formatter):
    """One record is one line, and a traceback in it holds no text that came from outside."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """The line."""
        return on_one_line(without_keys(super().formatMessage(record)))

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802  # logging's name
        """The traceback, on lines of its own."""
        if os.environ.get("LABKIT_DEBUG"):
            return without_keys(super().formatException(ei))
        return safe_traceback(ei[1]) if ei[1] is not None else ""


def without_keys(text: str) -> str:
    """`text` with the secret part of everything that looks like a key left out."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def on_one_line(text: str) -> str:
    """`text` with line breaks and other control characters written as escapes: nobody else can begin a line."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def safe_traceback(error: BaseException) -> str:
    """Where an exception came from, and its class; the text only of the system's own errors."""
    lines: list[str] = []
    found: BaseException | None = error
    for _ in range(MAX_CHAIN):
        if found is None:
            break
        lines += traceback.format_tb(found.__traceback__)[-MAX_FRAMES:]
        kind = f"{type(found).__module__}.{type(found).__qualname__}"
        said = f": {found.strerror}" if isinstance(found, OSError) and found.strerror else " (its text is left out)"
        lines.append(kind + said + "\n")
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
        lines += ["caused by:\n"] if found is not None else []
    return "".join(lines).rstrip("\n")
