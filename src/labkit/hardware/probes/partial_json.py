"""JSON that may have been cut: what stands before the cut is kept, a half-written word is not."""

from typing import Any

# Control characters that tools print raw, and the byte order mark of Windows.
_NOISE = "\ufeff \t\r\n\0"


def parse_partial_json(text: str | None) -> Any:
    """The document, or its part before the cut; None when there is none. Never raises."""
    from pydantic_core import from_json

    try:
        return from_json((text or "").strip(_NOISE), allow_partial=True)
    except (ValueError, RecursionError):
        return None
