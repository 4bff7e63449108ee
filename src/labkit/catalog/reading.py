"""Catalogue files: the shipped ones fast, a user's strictly, with every problem and its line at once."""

import json
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from labkit.catalog.types import CatalogModel, Family, QuantizationFacts, Row
from labkit.errors import InputError

SHIPPED = Path(__file__).parent / "data"
USER_ENDINGS = (".json", ".toml")


@dataclass(frozen=True, slots=True)
class CatalogDocument(Row):
    """One catalogue file.

    Attributes:
        as_of: day of its facts.
        sources: what a source written @key stands for.
        families: lineage and generation of families that are not known yet.
    """

    models: tuple[CatalogModel, ...]
    as_of: str = ""
    about: str = ""
    notes: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _QuantizationTable:
    quantizations: tuple[QuantizationFacts, ...]


@cache
def shipped_document() -> CatalogDocument:
    """The catalogue that comes with labkit. The tests hold it to the rules of a user's file."""
    return msgspec.json.decode((SHIPPED / "models.json").read_bytes(), type=CatalogDocument)


@cache
def shipped_quantizations() -> dict[str, QuantizationFacts]:
    """Cost and loss of each quantization, by name."""
    table = msgspec.json.decode((SHIPPED / "quantizations.json").read_bytes(), type=_QuantizationTable)
    return {facts.name: facts for facts in table.quantizations}


def user_files(folder: Path) -> list[Path]:
    """Catalogue files that a person dropped into `folder`, by name; hidden ones are not meant."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix in USER_ENDINGS and not p.name.startswith("."))


def read_document(path: Path) -> CatalogDocument:
    """One catalogue file (.json or .toml), checked strictly. Raises InputError that lists every problem."""
    is_toml = path.suffix == ".toml"
    text = _text(path)
    try:
        content = tomllib.loads(text) if is_toml else json.loads(text)
    except ValueError as error:
        raise _refusal(path, [str(error)]) from None
    found, problems = _validated(content, text, is_toml=is_toml)
    problems += _doubled(content)
    if problems or found is None:
        raise _refusal(path, problems)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise _refusal(path, ["it is not UTF-8 text"]) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="check its name and permissions") from error


def _validated(content: Any, text: str, *, is_toml: bool) -> tuple[CatalogDocument | None, list[str]]:
    from pydantic import TypeAdapter, ValidationError

    try:
        # Through JSON: there a list is a tuple, and "3" is still no number.
        return TypeAdapter(CatalogDocument).validate_json(json.dumps(content, default=str), strict=True), []
    except ValidationError as error:
        return None, [
            _problem(row["loc"], row["msg"], content, text, is_toml=is_toml)
            for row in error.errors(include_url=False, include_context=False)
        ]


def _problem(loc: tuple[str | int, ...], message: str, content: Any, text: str, *, is_toml: bool) -> str:
    """Such as "line 12, models.0 (mine-1b), license: Field required"."""
    from labkit.catalog.lines import line_of

    line = line_of(loc, text, is_toml=is_toml)
    head, rest = [str(part) for part in loc[:2]], [str(part) for part in loc[2:]]
    where = ".".join(head) + _named(loc, content) if rest else ".".join(head)
    parts = [f"line {line}" if line else "", where, ".".join(rest)]
    return f"{', '.join(filter(None, parts)) or 'the file'}: {message}"


def _named(loc: tuple[str | int, ...], content: Any) -> str:
    try:
        return f" ({content['models'][loc[1]]['id']})" if loc[0] == "models" else ""
    except (KeyError, TypeError, IndexError):
        return ""


def _doubled(content: Any) -> list[str]:
    rows = content.get("models") if isinstance(content, dict) else None
    ids = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    names = [name for name in ids if isinstance(name, str)]
    return [f"the id '{name}' stands in it twice" for name in sorted({n for n in names if names.count(n) > 1})]


def _refusal(path: Path, problems: list[str]) -> InputError:
    listed = "\n".join(f"  - {problem}" for problem in problems)
    return InputError(f"{path} is not a valid catalogue:\n{listed}", hint="correct these lines, or move the file away")
