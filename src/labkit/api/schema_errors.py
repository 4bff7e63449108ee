"""What pydantic finds wrong with a body, in the terms of the one who sent it."""

from pydantic import ValidationError

from labkit.errors import InvalidRequestError

# What pydantic puts into a location for a branch of a union: the caller never wrote it.
_BRANCHES = frozenset({"str", "int", "float", "bool", "list", "dict", "literal", "constrained"})


def explained(error: ValidationError) -> InvalidRequestError:
    """The first problem in the caller's own terms: where, and what is wrong with it."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ""
    for step in first["loc"]:
        if isinstance(step, int):
            place += f"[{step}]"
        elif step.isidentifier() and step[0].islower() and step not in _BRANCHES:
            place += f".{step}" if place else step
    code = "missing_required_parameter" if first["type"] == "missing" else "invalid_value"
    message = f"{place} is missing" if first["type"] == "missing" else f"{place}: {first['msg']}"
    return InvalidRequestError(message, param=place or None, code=code)
