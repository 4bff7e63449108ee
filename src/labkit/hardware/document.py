"""Profiles as files: what `labkit doctor --json` prints and the TOML of hardware_profiles/ are one schema.

TOML has no null: an unknown value is left out there, and is null or absent in JSON.
"""

import dataclasses
import json
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.errors import InputError
from labkit.hardware.plain import from_plain
from labkit.hardware.profile import SCHEMA_VERSION, BandwidthMeasurement, HardwareProfile

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_SHOW = "see a complete one with: labkit doctor --profile"


def load_profile(path: Path) -> HardwareProfile:
    """A machine from a .toml or .json file. Raises InputError, with every problem of the file at once."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}", hint="check the name") from error
    except ValueError as error:
        raise InputError(f"{path.name} is not a profile: {error}", hint=_SHOW) from error
    return parse_profile(document, path.name)


def parse_profile(document: Any, source: str) -> HardwareProfile:
    """A machine from a parsed document. Unknown keys are errors, which name `source`. Raises InputError."""
    from pydantic import ValidationError

    if isinstance(document, dict):
        # Flat values that `labkit doctor --json` derives from the rest.
        document = {key: value for key, value in document.items() if key != "summary"}
    version = document.get("schema_version", SCHEMA_VERSION) if isinstance(document, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError(
            f"{source} has schema version {version}, from a newer labkit", hint="pip install --upgrade labkit"
        )
    try:
        return _profile_adapter().validate_python(document)
    except ValidationError as error:
        lines = [f"  - {'.'.join(map(str, item['loc'])) or 'document'}: {item['msg']}" for item in error.errors()]
        raise InputError(f"{source} is not a profile:\n" + "\n".join(lines), hint=_SHOW) from None


def parse_bandwidth(text: str) -> BandwidthMeasurement | None:
    """A kept measurement; None when the text is not one."""
    try:
        found = from_plain(BandwidthMeasurement, json.loads(text))
    except ValueError:
        return None
    return found if found.per_thread_count else None


def to_plain(value: Any) -> Any:
    """Dataclasses as dicts, tuples as lists, everything else as it is."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {entry.name: to_plain(getattr(value, entry.name)) for entry in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value


def render_toml(profile: HardwareProfile) -> str:
    """The profile as a hardware_profiles/*.toml file; unknown values are left out."""
    return "\n".join(_table((), to_plain(profile))).strip() + "\n"


def _table(path: tuple[str, ...], values: dict[str, Any], *, heading: str = "") -> list[str]:
    scalars = [f"{_key(key)} = {_value(item)}" for key, item in values.items() if _is_scalar(item)]
    lines = ["", heading, *scalars] if heading and (scalars or heading.startswith("[[")) else scalars
    for key, item in values.items():
        inner = (*path, key)
        name = ".".join(_key(part) for part in inner)
        if isinstance(item, dict) and not _is_scalar(item):
            lines += _table(inner, item, heading=f"[{name}]")
        elif isinstance(item, list) and not _is_scalar(item):
            lines += [line for entry in item for line in _table(inner, entry, heading=f"[[{name}]]")]
    return lines


def _is_scalar(item: Any) -> bool:
    if isinstance(item, dict):
        return item.keys() == {"origin", "source"}  # a fact's source reads best on one line
    if isinstance(item, list):
        return bool(item) and not any(isinstance(entry, dict) for entry in item)
    return item is not None


def _value(item: Any) -> str:
    if isinstance(item, list):
        return f"[{', '.join(_value(entry) for entry in item)}]"
    if isinstance(item, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_value(entry)}' for key, entry in item.items())} }}"
    if isinstance(item, str):
        # A JSON string with every control character escaped is a TOML basic string.
        return json.dumps(item, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(item)


def _key(key: str) -> str:
    return key if key.replace("_", "a").replace("-", "a").isalnum() and key.isascii() else _value(key)


@cache
def _profile_adapter() -> "TypeAdapter[HardwareProfile]":
    from pydantic import TypeAdapter

    return TypeAdapter(HardwareProfile)
