"""The tools of a request as functions: those in namespaces get longer names, OpenAI's own are left out or refused."""

from dataclasses import dataclass
from typing import Any

from labkit.api.schemas.fields import safe_name
from labkit.errors import InvalidRequestError

Names = dict[str, tuple[str, str]]
"""Namespace and name of a function, by the name under which the model knows it."""
_JOINT = "__"
_FUNCTIONS = ("function", "namespace")


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What is left of `tools` when all of them are functions.

    Attributes:
        body: the request with functions only.
        names: of the functions that came in namespaces.
        left_out: what else there was, as paths for the header x-labkit-ignored.
    """

    body: dict[str, Any]
    names: Names
    left_out: tuple[str, ...]


def toolbox(body: dict[str, Any]) -> Toolbox:
    """The tools of a request. Raises InvalidRequestError where none of them is one that a client runs.

    Agents send OpenAI's own tools beside theirs in every request: a model that cannot call those still has the others.
    """
    tools = body.get("tools")
    if not isinstance(tools, list) or all(_kind(tool) == "function" for tool in tools):
        return Toolbox(body, {}, ())
    functions: list[Any] = []
    names: Names = {}
    for tool in tools:
        if _kind(tool) == "function":
            functions.append(tool)
        elif _kind(tool) == "namespace":
            functions += _unpacked(tool, names)
    if not functions:
        raise _foreign(_kind(tools[0]), "tools[0].type")
    left_out = {safe_name(f"tools[{_kind(tool)[:40]}]") for tool in tools if _kind(tool) not in _FUNCTIONS}
    return Toolbox({**body, "tools": functions}, names, tuple(sorted(left_out)))


def refuse_foreign_choice(choice: object) -> None:
    """Raise InvalidRequestError for a tool_choice that wants a tool of OpenAI's own."""
    if isinstance(choice, dict) and _kind(choice) not in ("function", "allowed_tools"):
        raise _foreign(_kind(choice), "tool_choice.type")


def model_name(namespace: str | None, name: str) -> str:
    """The name under which the model knows a function."""
    return f"{namespace}{_JOINT}{name}" if namespace else name


def _unpacked(namespace: dict[str, Any], names: Names) -> list[Any]:
    inner = namespace.get("tools")
    group = namespace.get("name")
    if not isinstance(inner, list) or not isinstance(group, str):
        return []
    unpacked: list[Any] = []
    for tool in inner:
        if _kind(tool) == "function" and isinstance(tool, dict) and isinstance(tool.get("name"), str):
            whole = model_name(group, tool["name"])
            names[whole] = (group, tool["name"])
            unpacked.append({**tool, "name": whole})
    return unpacked


def _kind(tool: object) -> str:
    return str(tool.get("type", "function")) if isinstance(tool, dict) else "function"


def _foreign(kind: str, place: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"tools of type {kind[:40]!r} are not supported: labkit runs no tools of its own",
        param=place,
        code="unsupported_parameter",
        hint="define a function, and run it yourself",
    )
