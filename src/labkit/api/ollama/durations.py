"""How long a model stays loaded: a number of seconds, or a duration as Go writes it ("5m", "1h30m", "-1")."""

import math
import re

from labkit.errors import InvalidRequestError

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)")
_MAX_CHARS = 40


def keep_alive_seconds(value: float | str | None) -> float | None:
    """Seconds; infinity for anything negative, None for None. Raises InvalidRequestError."""
    if value is None:
        return None
    seconds = _parsed(value) if isinstance(value, str) else float(value)
    return math.inf if seconds < 0 else seconds


def _parsed(text: str) -> float:
    if len(text) <= _MAX_CHARS:
        if _NUMBER.fullmatch(text):
            return float(text)
        sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
        parts = _PART.findall(digits)
        if parts and "".join(number + unit for number, unit in parts) == digits:
            return sign * sum(float(number) * _SECONDS[unit] for number, unit in parts)
    raise InvalidRequestError(
        f"keep_alive: {text[:_MAX_CHARS]!r} is no duration",
        param="keep_alive",
        hint='use seconds, or text such as "5m" or "1h30m"; a negative one keeps the model',
    )
