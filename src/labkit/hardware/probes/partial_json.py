"""JSON that may have been cut: what stands before the cut is kept, a half-written word or number is not."""

import re
from typing import Any

# Control characters that tools print raw, and the byte order mark of Windows.
_NOISE = "\ufeff \t\r\n\0"
_START = re.compile(r"[\[{]")
_CUT_NUMBER = re.compile(r"(?<=[\s,:\[])-?\d[\d.eE+-]*$")


def parse_partial_json(text: str | None) -> Any:
    """The document after any words, or its part before the cut; None when there is none. Never raises."""
    from pydantic_core import from_json

    plain = (text or "").strip(_NOISE)
    first = _START.search(plain)
    # At the end of a cut text a number may lack digits, and would read like another fact.
    plain = _CUT_NUMBER.sub("", plain[first.start() :]) if first else plain
    try:
        return from_json(plain, allow_partial=True)
    except (ValueError, RecursionError):
        return None
