"""Rows from the texts of Windows tools, whatever form they were asked for.

PowerShell's ConvertTo-Json, ConvertTo-Csv, Format-List and Format-Table, wmic's table, /value and /format:csv, and
`reg query`. Names of properties are the same in all of them and in every language; the keys here are lower case.
"""

import csv
import re
from typing import Any

from labkit.hardware.probes.partial_json import parse_partial_json
from labkit.hardware.probes.text import without_cut_line

_PAIR = re.compile(r"^([A-Za-z_][\w .()]*?)\s*(?:=|\s:(?=\s|$))\s*(.*?)\s*$")
_WORD = re.compile(r"\S+\s*")
_RULE = re.compile(r"^[\s-]*-{2,}[\s-]*$")
_REGISTRY_VALUE = re.compile(r"^\s+(\S.*?)\s+REG_([A-Z_]+)\s+(.*)$")

Row = dict[str, str]


def parse_rows(text: str | None) -> list[Row]:
    """One dict for each object, with its properties as text; nothing from a text of no known form."""
    plain = (text or "").replace("\ufeff", "").replace("\0", "")
    if re.match(r"\s*[\[{]", plain):
        return _json_rows(parse_partial_json(plain))
    lines = [
        line for line in without_cut_line(plain).splitlines() if not line.startswith("#TYPE")
    ]  # ConvertTo-Csv's first line
    first = next((line for line in lines if line.strip()), "")
    if any(_PAIR.match(line) for line in lines[:40]):
        return _pair_rows(lines)
    if "," in first and not re.search(r"\S {2,}\S", first):
        return _csv_rows(lines)
    return _table_rows(lines)


def parse_registry(text: str | None) -> dict[str, dict[str, str]]:
    """From `reg query`: key -> value name -> text."""
    keys: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in (text or "").splitlines():
        if line.startswith(("HKEY_", "HKLM\\")):
            current = keys.setdefault(line.strip(), {})
        elif match := _REGISTRY_VALUE.match(line):
            current[match[1]] = match[3].strip()
    return keys


def _json_rows(document: Any) -> list[Row]:
    listed = document if isinstance(document, list) else [document]
    return [
        {str(key).lower(): str(value) for key, value in entry.items() if isinstance(value, str | int | float)}
        for entry in listed
        if isinstance(entry, dict)
    ]


def _pair_rows(lines: list[str]) -> list[Row]:
    """Format-List and /value: a blank line, or a name for the second time, begins the next object."""
    rows: list[Row] = [{}]
    for line in lines:
        match = _PAIR.match(line)
        if match is None:
            if not line.strip() and rows[-1]:
                rows.append({})
            continue
        key = match[1].strip().lower()
        if key in rows[-1]:
            rows.append({})
        rows[-1][key] = match[2]
    return [row for row in rows if row]


def _csv_rows(lines: list[str]) -> list[Row]:
    rows = [row for row in csv.reader(lines) if row]
    heading = [cell.strip().lower() for cell in rows[0]] if rows else []
    return [dict(zip(heading, (cell.strip() for cell in row), strict=False)) for row in rows[1:] if len(row) > 1]


def _table_rows(lines: list[str]) -> list[Row]:
    """Columns as wide as their headings: wmic's table, and Format-Table with its rule of dashes."""
    filled = [line for line in lines if line.strip()]
    if len(filled) < 2:
        return []
    ruled = bool(_RULE.match(filled[1]))
    # Property names have no spaces; under a rule each column is as wide as its dashes.
    spans = [match.span() for match in _WORD.finditer(filled[1] if ruled else filled[0])]
    keys = [filled[0][start:end].strip().lower() for start, end in spans]
    ends = [end for _, end in spans[:-1]] + [None]
    starts = [start for start, _ in spans]
    body = filled[2:] if ruled else filled[1:]
    return [
        {key: line[start:end].strip() for key, start, end in zip(keys, starts, ends, strict=True) if key}
        for line in body
    ]
