"""Why a constraint is refused, in words of the request."""

from labkit.errors import InvalidRequestError

TOO_COMPLEX = "constraint_too_complex"
UNSUPPORTED = "unsupported_schema"
_MOST_REASON = 200


def too_complex(param: str, reason: str) -> InvalidRequestError:
    """The constraint is understood, and costs more than a server can give it."""
    return InvalidRequestError(
        f"the constraint is too complex: {_short(reason)}",
        param=param,
        code=TOO_COMPLEX,
        hint="make it smaller: fewer alternatives, shorter repetitions, less nesting",
    )


def not_honoured(param: str, reason: str) -> InvalidRequestError:
    """The constraint is wrong, contradicts itself, or uses a keyword that is not supported."""
    return InvalidRequestError(
        f"the constraint cannot be honoured: {_short(reason)}",
        param=param,
        code=UNSUPPORTED,
        hint="simplify it, or leave out what is named",
    )


def check_at_most(limit: int, found: int, what: str, param: str) -> None:
    """Raise InvalidRequestError when a constraint has more of something than the limit."""
    if found > limit:
        raise too_complex(param, f"{found} {what}, the limit is {limit}")


def _short(reason: str) -> str:
    line = (reason.strip().splitlines() or ["no text satisfies it"])[0].strip()
    return line if len(line) <= _MOST_REASON else line[:_MOST_REASON] + " ..."
