"""Intel's xpu-smi: the table of `discovery`, the detail of `discovery -d N`, both as JSON, and the table of 2.0."""

import re
from dataclasses import dataclass
from typing import Any

from labkit.hardware.probes.partial_json import parse_partial_json
from labkit.hardware.probes.pci import hex_id, normal_slot
from labkit.hardware.probes.text import decimal, number, without_cut_line
from labkit.units import MIB

_ROW = re.compile(r"^\s*\|\s*(\d*)\s*\|\s*([^|]*?)\s*(?:\||$)")
_PLAIN = re.compile(r"^\s*([A-Z][\w /()-]*?):\s+(.*?)\s*$")
_STATUS_ROW = re.compile(r"^\|\s+\d+\s+(\S.*?)\s+(?:On|Off)\s+\|\s*([0-9a-f:.]+)\s", re.IGNORECASE)
_STATUS_MEMORY = re.compile(r"\d+\s*MiB\s*/\s*(\d+)\s*MiB")
_SIZE = re.compile(r"([\d.]+)\s*MiB")


@dataclass(frozen=True, slots=True)
class XpuDevice:
    """One device as xpu-smi tells of it. `memory_bytes` of integrated parts is wrong (4 GB, intel/xpumanager#117)."""

    name: str | None = None
    slot: str | None = None
    device_id: int | None = None
    memory_bytes: int | None = None
    driver: str | None = None


def parse_xpu_smi(text: str | None) -> list[XpuDevice]:
    """Devices from a table, a detail report, or JSON; also of one that was cut."""
    if re.match(r"\s*[\[{]", text or ""):
        document = parse_partial_json(text)
        if isinstance(document, dict):
            document = document.get("device_list") or document.get("devices") or [document]
        listed = document if isinstance(document, list) else []
        records = [record for record in listed if isinstance(record, dict)]
    else:
        records = _table(without_cut_line(text)) or _status_table(without_cut_line(text))
    found = [_device(record) for record in records]
    return [device for device in found if device.name or device.device_id]


def _table(text: str) -> list[dict[str, Any]]:
    """Records of `| 0 | Device Name: ... |` rows; further rows of a device have no number."""
    records: list[dict[str, Any]] = []
    for line in text.splitlines():
        row = _ROW.match(line)
        if row is None and "|" in line:
            continue
        key, found, value = (row[2] if row else line).partition(":")
        if (row and row[1]) or (not records and found):
            records.append({})
        if found and records and (row or _PLAIN.match(line)):
            records[-1].setdefault(key.strip().lower().replace(" ", "_"), value.strip())
    return records


def _status_table(text: str) -> list[dict[str, Any]]:
    """What xpu-smi 2.0 prints alone: a row with name and address, then one with "239MiB / 12216MiB"."""
    records: list[dict[str, Any]] = []
    for line in text.splitlines():
        if row := _STATUS_ROW.match(line):
            records.append({"device_name": row[1], "pci_bdf_address": row[2]})
        elif records and (memory := _STATUS_MEMORY.search(line)):
            records[-1].setdefault("memory_physical_size", f"{memory[1]} MiB")
    return records


def _device(record: dict[str, Any]) -> XpuDevice:
    def text(*keys: str) -> str | None:
        found = [str(record[key]) for key in keys if isinstance(record.get(key), str | int) and record[key] != ""]
        return next((item for item in found if item.lower() not in ("n/a", "unknown")), None)

    return XpuDevice(
        name=text("device_name"),
        slot=normal_slot(text("pci_bdf_address", "bdf_address")),
        device_id=hex_id(text("pci_device_id")),
        memory_bytes=number(text("memory_physical_size_byte")) or _mebibytes(text("memory_physical_size")),
        driver=text("driver_version"),
    )


def _mebibytes(text: str | None) -> int | None:
    match = _SIZE.fullmatch(text or "")
    amount = decimal(match[1]) if match else None
    return int(amount * MIB) or None if amount else None
