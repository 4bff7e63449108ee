"""Names of a package that are loaded when they are used: a command waits for what it needs, and for no more."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__` (PEP 562) that finds each name of `modules` in the submodule it is mapped to.

    The package imports the same names under TYPE_CHECKING, for type checkers and readers.
    """

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return find
