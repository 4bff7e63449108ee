"""What one client can do with an endpoint: named checks, run one after another, and a table of them."""

import asyncio
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

URL = os.environ.get("CLIENTS_URL", "http://127.0.0.1:8642")
BASE_URL = f"{URL}/v1"
MODEL = os.environ.get("CLIENTS_MODEL", "nano")
KEY = os.environ.get("CLIENTS_KEY", "none")
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "Weather of a city", "parameters": SCHEMA, "strict": True},
}


class Checks:
    """Checks of one client library. A check passes when it returns, and fails when it raises."""

    def __init__(self, *packages: str) -> None:
        self._title = ", ".join(f"{name} {version(name)}" for name in packages)
        self._all: list[tuple[str, Callable[[], Any]]] = []

    def __call__(self, name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
        """Decorator: `function` is the check `name`. Coroutines are run."""

        def add(function: Callable[[], Any]) -> Callable[[], Any]:
            self._all.append((name, function))
            return function

        return add

    def run(self) -> None:
        """Run all of them, print the table, and exit with 1 if one failed."""
        failed = 0
        print(self._title)
        for name, function in self._all:
            problem = _problem_of(function)
            failed += problem is not None
            print(
                f"  {'ok    ' if problem is None else 'FAILED'}  {name}{f': {problem}' if problem else ''}", flush=True
            )
        print(f"{self._title}: {len(self._all) - failed} passed, {failed} failed")
        sys.exit(1 if failed else 0)


def _problem_of(function: Callable[[], Any]) -> str | None:
    try:
        if inspect.iscoroutinefunction(function):
            asyncio.run(function())
        else:
            function()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the table tells
        if os.environ.get("CLIENTS_TRACE"):
            traceback.print_exc()
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:300]} ({where.name}:{where.lineno})"
    return None


def raises(kind: type[BaseException], action: Callable[[], Any]) -> Any:
    """The exception of `kind` that `action` must raise."""
    try:
        action()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")
