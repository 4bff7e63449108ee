"""Options of a command in groups: a parameter that is a dataclass of options becomes those options."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """`command` for typer: each field of a parameter's dataclass is an option of its own, and arrives in one value.

    The fields carry typer's annotations and have defaults. Names must be unique over all groups.
    """
    groups = {
        name: kind for name, kind in get_type_hints(command).items() if name != "return" and is_dataclass(kind)
    }  # fmt: skip

    @functools.wraps(command)
    def run(**given: Any) -> None:
        values = {
            name: kind(**{field.name: given.pop(field.name) for field in fields(kind)})  # type: ignore[operator]
            for name, kind in groups.items()
        }
        command(**given, **values)

    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        kind = groups.get(parameter.name)
        # Keyword-only, so that an argument without a default may stand after options.
        keyword = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        parameters += [keyword] if kind is None else _parameters(kind)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def given_in(group: Any) -> dict[str, Any]:
    """What of a group was typed: everything that is neither None nor an empty list."""
    values = {field.name: getattr(group, field.name) for field in fields(group)}
    return {name: value for name, value in values.items() if value is not None and value != []}


def _parameters(kind: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(kind)
    ]
