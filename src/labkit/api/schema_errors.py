"""What pydantic finds wrong with a body, in the terms of the one who sent it."""

from pydantic import ValidationError

from labkit.errors import InvalidRequestError

# What pydantic puts into a location for a branch of a union: the caller never wrote it.
_BRANCHES = frozenset({"str", "int", "float", "bool", "list", "dict", "literal", "constrained"})

# Where pydantic's own words name a class of ours.
_SAID = {"model_type": "Input should be an object", "model_attributes_type": "Input should be an object"}


def explained(error: ValidationError) -> InvalidRequestError:
    """The first problem in the caller's own terms: where, and what is wrong with it.

    Where a value may have several shapes, the caller most probably meant the one that fits to the greatest depth.
    """
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    places = [_place(problem["loc"]) for problem in problems]
    place = max((one for one in places if one.startswith(places[0])), key=len)
    found = problems[places.index(place)]
    code = "missing_required_parameter" if found["type"] == "missing" else "invalid_value"
    what = _SAID.get(found["type"], found["msg"])
    message = f"{place} is missing" if found["type"] == "missing" else f"{place}: {what}"
    return InvalidRequestError(message, param=place or None, code=code)


def _place(steps: tuple[int | str, ...]) -> str:
    place = ""
    for step in steps:
        if isinstance(step, int):
            place += f"[{step}]"
        elif step.isidentifier() and step[0].islower() and step not in _BRANCHES:
            place += f".{step}" if place else step
    return place
