"""AMD parts from the texts of rocm-smi and amd-smi, in every form that their releases print.

rocm-smi: JSON ("card0": {"Card series" | "Card Series" | "Device Name": ...}), CSV, and `GPU[0] : key : value` lines,
of which product and memory are separate reports. amd-smi: JSON (a list, or {"gpu_data": list}) and an indented text;
its "MB" are MiB, as in its source. GTT is system memory and no card's own.
"""

import csv
import re
from typing import Any

from labkit.hardware.probes.amd_parts import AmdPart, is_generic
from labkit.hardware.probes.amd_tables import parse_amd_smi_table, parse_concise_info
from labkit.hardware.probes.partial_json import parse_partial_json
from labkit.hardware.probes.pci import hex_id, normal_slot
from labkit.hardware.probes.text import number, whole_pages, without_cut_line
from labkit.units import GIB, KIB, MIB

_LINE = re.compile(r"^\s*GPU\[(\d+)\]\s*:\s*([^:]+?)\s*:\s*(.*?)\s*$")
_CARD_KEY = re.compile(r"(?:card|gpu)?\s*(\d+)", re.IGNORECASE)
_GFX = re.compile(r"gfx[0-9a-f]{3,5}\b")
_UNITS = {"B": 1, "KB": KIB, "KIB": KIB, "MB": MIB, "MIB": MIB, "GB": GIB, "GIB": GIB}
_SIZED = re.compile(r"([\d.]+)\s*([KMG]?i?B)\b", re.IGNORECASE)
_NAME_KEYS = ("card series", "device name", "card model", "market_name", "product_name")
_ID_KEYS = ("device id", "gpu id", "card model", "device_id")


def parse_rocm_smi(*texts: str | None) -> list[AmdPart]:
    """Parts by their number; what several reports say of one number is joined. Keys vary by release."""
    cards: dict[int, dict[str, str]] = {}
    driver: str | None = None
    for text in texts:
        entries, found = _rocm_entries(text or "")
        driver = driver or found
        for index, key, value in entries:
            cards.setdefault(index, {}).setdefault(key.lower().strip(": "), value.strip())
    parts = [part for _, values in sorted(cards.items()) if (part := _rocm_part(values, driver))]
    return parts or [part for text in texts for part in parse_concise_info(text)]


def parse_amd_smi(text: str | None) -> list[AmdPart]:
    """From `amd-smi static`, `list` or `metric`, as JSON or text, and from the table that it prints alone."""
    if table := parse_amd_smi_table(text):
        return table
    if "{" not in (text or "") and re.search(r"^\s*GPU:\s*\d+", text or "", re.MULTILINE):
        records: Any = _indented(without_cut_line(text))
    else:
        records = parse_partial_json(text)
    if isinstance(records, dict):
        records = records.get("gpu_data") or records.get("gpus") or [records]
    listed = records if isinstance(records, list) else []
    found = [_amd_part(_flat(record)) for record in listed if isinstance(record, dict)]
    return [part for part in found if part and not part.is_anonymous]


def sized(text: Any) -> int | None:
    """Bytes from "196592 MB", {"value": 196592, "unit": "MB"} or "17163091968"; None without a unit or whole pages."""
    if isinstance(text, dict):
        text = f"{text.get('value')} {text.get('unit')}"
    match = _SIZED.fullmatch(str(text).strip())
    if match is None:
        return whole_pages(number(str(text)))
    try:
        return int(float(match[1]) * _UNITS[match[2].upper()]) or None
    except (ValueError, OverflowError):
        return None


def _rocm_entries(text: str) -> tuple[list[tuple[int, str, str]], str | None]:
    """((number, key, value), ...) and the driver's version."""
    if '"card' in text or text.lstrip().startswith("{"):
        return _rocm_json(text)
    lines = [match for line in text.splitlines() if (match := _LINE.match(line))]
    if lines:
        # A size that was cut is told by its pages, a name is not.
        if not text.endswith("\n") and not lines[-1][3].isdecimal():
            lines.pop()
        return [(int(match[1]), match[2], match[3]) for match in lines], None
    return _rocm_csv(without_cut_line(text)), None


def _rocm_json(text: str) -> tuple[list[tuple[int, str, str]], str | None]:
    document = parse_partial_json(text[max(0, text.find("{")) :])
    entries: list[tuple[int, str, str]] = []
    driver: str | None = None
    for card, values in document.items() if isinstance(document, dict) else ():
        match = _CARD_KEY.fullmatch(card)
        if not isinstance(values, dict):
            continue
        if match:
            entries.extend((int(match[1]), str(key), str(value)) for key, value in values.items())
        elif card == "system" and isinstance(values.get("Driver version"), str):
            driver = values["Driver version"]
    return entries, driver


def _rocm_csv(text: str) -> list[tuple[int, str, str]]:
    rows = [row for row in csv.reader(text.splitlines()) if len(row) > 1]
    start = next((place for place, row in enumerate(rows) if row[0].strip().lower() == "device"), None)
    entries: list[tuple[int, str, str]] = []
    for row in rows[start + 1 :] if start is not None else ():
        match = _CARD_KEY.fullmatch(row[0].strip())
        # A vendor's name with a comma in it makes a row longer than the heading, and what follows it shift.
        keys = rows[start or 0][1:]
        cells = row[1:] if len(row) == len(keys) + 1 else row[1 : 1 + len(keys)]
        if match:
            entries.extend((int(match[1]), key, value) for key, value in zip(keys, cells, strict=False))
    return entries


def _rocm_part(values: dict[str, str], driver: str | None) -> AmdPart | None:
    total = whole_pages(number(values.get("vram total memory (b)")))
    used = number(values.get("vram total used memory (b)"))
    part = AmdPart(
        name=_name([values.get(key) for key in _NAME_KEYS]),
        pci_address=normal_slot(values.get("pci bus")),
        device_id=next((found for key in _ID_KEYS if (found := _device_id(values.get(key)))), None),
        gfx=_gfx(values.get("gfx version")),
        vram_bytes=total,
        used_bytes=used if total and used is not None and used <= total else None,
        gtt_bytes=whole_pages(number(values.get("gtt total memory (b)"))),
        driver=driver,
    )
    return None if part.is_anonymous else part


def _amd_part(values: dict[str, Any]) -> AmdPart | None:
    total = _first_size(values, "size", "total_vram", "vram_total", "total")
    used = _first_size(values, "used_vram", "vram_used")
    part = AmdPart(
        name=_name([_text(values.get(key)) for key in _NAME_KEYS]),
        pci_address=normal_slot(_text(values.get("bdf") or values.get("pci_bdf"))),
        device_id=_device_id(_text(values.get("device_id"))),
        gfx=_gfx(_text(values.get("target_graphics_version"))),
        vram_bytes=total,
        used_bytes=used if total and used is not None and used <= total else None,
        gtt_bytes=sized(values.get("total_gtt")),
        driver=_text(values.get("version")),
    )
    return None if part.is_anonymous else part


def _first_size(values: dict[str, Any], *keys: str) -> int | None:
    return next((size for key in keys if (size := sized(values.get(key)))), None)


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """Sections of one part in one level, of those that matter here; the first of equal keys wins."""
    flat: dict[str, Any] = {}
    for name in ("asic", "bus", "vram", "mem_usage", "board", "driver"):
        section = record.get(name)
        for key, value in section.items() if isinstance(section, dict) else ():
            # "version" belongs to the driver, "size" to the memory: other sections have such keys too.
            if key.lower() not in ("version", "size") or name in ("driver", "vram"):
                flat.setdefault(key.lower(), value)
    for key, value in record.items():
        if not isinstance(value, dict) and key.lower() not in ("version", "size"):
            flat.setdefault(key.lower(), value)
    return flat


def _indented(text: str) -> list[dict[str, Any]]:
    """`GPU: 0` and the sections below it, each indented deeper than its heading."""
    records: list[dict[str, Any]] = []
    section: dict[str, Any] = {}
    heading = 0
    for line in text.splitlines():
        key, found, value = line.strip().partition(":")
        depth = len(line) - len(line.lstrip())
        if found and key == "GPU":
            records.append({})
            section = records[-1]
        elif found and records and not value.strip():
            section, heading = records[-1].setdefault(key.lower(), {}), depth
        elif found and records:
            place = section if depth > heading else records[-1]
            place.setdefault(key.lower(), value.strip())
    return records


def _name(names: list[str | None]) -> str | None:
    """The first that names one part; else one that names a family; else any."""
    known = [name for name in names if name and name.upper() not in ("N/A", "UNKNOWN") and not name.startswith("0x")]
    telling = [name for name in known if not is_generic(name)]
    # Of "Navi 48 [Radeon RX 9070/9070 XT]" and "Radeon RX 9070 XT" the second is the card.
    return next((name for name in (*(one for one in telling if "/" not in one), *telling, *known)), None)


def _gfx(text: str | None) -> str | None:
    match = _GFX.search(text or "")
    return match[0] if match else None


def _device_id(text: str | None) -> int | None:
    return hex_id(text) if (text or "").startswith("0x") else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value.upper() != "N/A" else None
