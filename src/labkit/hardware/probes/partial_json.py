"""JSON that may have been cut: what stands before the cut is kept, a half-written word or number is not."""

import json
import re
from itertools import islice
from typing import Any

# Control characters that tools print raw, and the byte order mark of Windows.
_NOISE = "\ufeff \t\r\n\0"
_START = re.compile(r"[\[{]")
_MAX_STARTS = 4
_CUT_NUMBER = re.compile(r"(?<=[\s,:\[])-?\d[\d.eE+-]*$")


def parse_partial_json(text: str | None) -> Any:
    """The document after any words, or its part before the cut; None when there is none. Never raises."""
    plain = (text or "").strip(_NOISE)
    empty: Any = None
    for start in islice(_START.finditer(plain), _MAX_STARTS):  # a shell's prompt may have brackets as well
        found = _from(plain[start.start() :])
        if found:
            return found
        empty = empty if empty is not None else found
    return empty


def _from(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _before_the_cut(text)


def _before_the_cut(text: str) -> Any:
    from pydantic_core import from_json

    try:
        # At the end of a cut text a number may lack digits, and would read like another fact.
        return from_json(_CUT_NUMBER.sub("", text), allow_partial=True)
    except (ValueError, RecursionError):
        return None
