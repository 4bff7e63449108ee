"""The families, one file each with a tuple FORMATS: a file that is here is found."""

import functools
import importlib
import pkgutil

from labkit.chat.format import ChatFormat


@functools.cache
def all_formats() -> tuple[ChatFormat, ...]:
    """Every format of every file here."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(format_ for module in modules for format_ in module.FORMATS)


def format_of(template: str | None) -> ChatFormat:
    """The family that a template belongs to: of those that fit, the one whose markers say most."""
    fitting = [one for one in all_formats() if all(marker in (template or "") for marker in one.markers)]
    return max(fitting, key=lambda one: sum(map(len, one.markers)))
