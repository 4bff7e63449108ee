"""Limits on the text of a constraint, checked before any recursive parser sees it."""

from labkit.engine.native.grammar.refusals import too_complex
from labkit.engine.types import Constraint

MAX_CHARACTERS = 256 * 1024


def check_limits(constraint: Constraint) -> None:
    """Raise InvalidRequestError for a constraint that could crash or stall the native parser."""
    if len(constraint.text) > MAX_CHARACTERS:
        raise too_complex(constraint.param, f"it has {len(constraint.text)} characters, the limit is {MAX_CHARACTERS}")
