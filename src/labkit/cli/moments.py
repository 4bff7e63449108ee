"""Moments as people type them: a date, or a time from now."""

import re
import time
from datetime import datetime

from labkit.errors import InputError
from labkit.units import parse_seconds

_SPAN = re.compile(r"\d{1,6}[mhdw]")
_MOST_SECONDS = 100 * 365 * 86400


def parse_moment(text: str, *, option: str, sign: int) -> float:
    """Seconds since the epoch: of a date in local time, or of a span before (`sign` -1) or after (1) now.

    Raises InputError that names `option`.
    """
    if _SPAN.fullmatch(text):
        return max(0.0, time.time() + sign * min(parse_seconds(text), _MOST_SECONDS))
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        hint = f"give a date, as 2027-01-31, or a time {'back ' if sign < 0 else ''}from now, as 12h or 30d"
        raise InputError(f"{option} {text} is no time", hint=hint) from None
