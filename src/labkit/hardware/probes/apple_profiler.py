"""system_profiler of macOS: SPHardwareDataType, SPDisplaysDataType and SPMemoryDataType, as JSON or as text.

JSON keys are the same in every language; text is translated, so where a key is not known its value is: "Apple M2 Pro"
can only be the chip. JSON that was cut gives what stands before the cut. There is no reference of the formats: keys
are those of published outputs of macOS 10.14 to 27.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from labkit.hardware.device_name import parse_device_name
from labkit.hardware.probes.partial_json import parse_partial_json
from labkit.hardware.probes.text import number, without_cut_line
from labkit.hardware.profile import Gpu

_SIZE = re.compile(r"([\d.,]+)\s*([MGT])B")
_FACTOR = {"M": 1024**2, "G": 1024**3, "T": 1024**4}
_CHIP = re.compile(r"Apple (?:M\d+|A\d+|Silicon|processor)\b.*")
_CORES = re.compile(r"(\d+)(?:\s*\((.*)\))?")
_CLASS = re.compile(r"(\d+)\s+(\w+)")
_UNTRANSLATED = re.compile(r"kHW_(\w+?)Item")
_WORDS = re.compile(r"[MA]\d+|[A-Z]{2,}(?=[A-Z][a-z]|\d|$)|[A-Z]?[a-z]+|[A-Z]+|\d+\w*")
_DEDICATED = ("spdisplays_vram", "_spdisplays_vram", "VRAM (Total)")
_SHARED = ("spdisplays_vram_shared", "VRAM (Dynamic, Max)", "VRAM (Dynamic)")


@dataclass(frozen=True, slots=True)
class ProfilerHardware:
    """What SPHardwareDataType says. `processor` is an Intel Mac's."""

    chip: str | None = None
    processor: str | None = None
    memory_bytes: int | None = None
    cores: int | None = None
    performance_cores: int | None = None
    efficiency_cores: int | None = None
    model: str | None = None


def parse_hardware(text: str | None) -> ProfilerHardware:
    """The machine's overview. Garbage gives an empty one."""
    values = _overview(text)
    stated = (value for value in values.values() if _CHIP.fullmatch(value))
    chip = values.get("chip_type") or values.get("Chip") or next(stated, None)
    cores = values.get("number_processors") or values.get("Total Number of Cores") or _parenthesised(values)
    total, fast, slow = parse_core_counts(cores, chip)
    name = values.get("machine_name") or values.get("Model Name")
    model = values.get("machine_model") or values.get("Model Identifier")
    processor = values.get("cpu_type") or values.get("Processor Name")
    return ProfilerHardware(
        chip=chip if chip != "Unknown" else None,
        processor=processor if processor != "Unknown" else None,
        memory_bytes=parse_size(values.get("physical_memory") or values.get("Memory") or _only_size(values)),
        cores=total,
        performance_cores=fast,
        efficiency_cores=slow,
        model=", ".join(part for part in (name, model) if part) or None,
    )


def parse_core_counts(text: str | None, chip: str | None) -> tuple[int | None, int | None, int | None]:
    """(all, performance, efficiency) cores; what cannot be told apart is None. Super cores count as performance.

    "proc 10:8:2" lists all, performance, efficiency. The form of four numbers has had two orders: macOS 26 writes the
    fastest class first ("18:6:0:12" for 6 super and 12 performance cores, "16:12:4:0"), macOS 27 super, performance,
    efficiency ("12:0:8:4"). Which classes a chip has decides what two numbers of the four mean.
    """
    words = (text or "").strip()
    counts = [number(part) for part in words.removeprefix("proc ").split(":")]
    if len(counts) < 3 or None in counts:
        return _named_classes(words, chip)
    known = [count or 0 for count in counts]
    total, kinds = known[0], [count for count in known[1:] if count]
    if sum(kinds) != total or len(kinds) > 3:
        return total or None, None, None
    if len(kinds) == 1:
        return total, total, 0
    if len(kinds) == 3:
        return total, kinds[0] + kinds[1], kinds[2]
    if len(known) == 3 or known[1] == 0 or (chip and not _without_efficiency_cores(chip)):
        return total, kinds[0], kinds[1]
    return (total, total, 0) if chip else (total, None, None)


def _without_efficiency_cores(chip: str) -> bool:
    """M5 Pro, Max and Ultra have super and performance cores; chips before have performance and efficiency cores."""
    match = re.match(r"Apple M(\d+) (Pro|Max|Ultra)\b", chip)
    return bool(match) and int(match[1]) >= 5 if match else False


def _named_classes(text: str, chip: str | None) -> tuple[int | None, int | None, int | None]:
    """From "10 (8 performance and 2 efficiency)" or "18 (6 Super and 12 Performance)"."""
    match = _CORES.fullmatch(text)
    if not match:
        return None, None, None
    classes = {name.lower(): int(count) for count, name in _CLASS.findall(match[2] or "")}
    if classes and set(classes) <= {"super", "performance", "efficiency"}:
        return int(match[1]), classes.get("super", 0) + classes.get("performance", 0), classes.get("efficiency", 0)
    # In another language: the fast class comes first.
    total, counts = int(match[1]), list(classes.values())
    if len(counts) != 2 or sum(counts) != total or not chip:
        return total, None, None
    return (total, total, 0) if _without_efficiency_cores(chip) else (total, counts[0], counts[1])


def parse_displays(text: str | None) -> tuple[Gpu, ...]:
    """Graphics processors of SPDisplaysDataType, in its order; displays are none."""
    cards = _json_cards(text) if _is_json(text) else _text_cards(text)
    return tuple(gpu for card in cards if (gpu := _gpu(card)))


def parse_installed_memory(text: str | None) -> int | None:
    """Bytes of SPMemoryDataType: Apple silicon gives one size, other Macs one for each module.

    A report that was cut may lack modules: their sum is then unknown.
    """
    if not _is_json(text):
        values = list(_lines(without_cut_line(text)))
        whole = [parse_size(value) for _, key, value in values if key in ("Memory", "Speicher")]
        modules = [parse_size(value) for _, key, value in values if key in ("Size", "Größe")]
        return next((size for size in whole if size), None) or sum(size for size in modules if size) or None
    document = parse_partial_json(text)
    if not isinstance(document, dict):
        return None
    entries = _entries(document, "SPMemoryDataType")
    for entry in entries:
        if size := parse_size(_string(entry.get("SPMemoryDataType"))):
            return size
    if not _is_complete(text):
        return None
    modules = [module for entry in entries for module in _entries(entry, "_items")]
    return sum(parse_size(_string(module.get("dimm_size"))) or 0 for module in modules) or None


def parse_size(text: str | None) -> int | None:
    """Bytes of "16 GB" or "1536 MB", which are binary units here; None for anything else."""
    match = _SIZE.fullmatch((text or "").strip())
    try:
        return round(float(match[1].replace(",", ".")) * _FACTOR[match[2]]) if match else None
    except ValueError:
        return None


def is_apple_chip(name: str | None) -> bool:
    """Whether a chip or GPU of that name is Apple's own."""
    return bool(name) and (name or "").split()[0].lower() == "apple"


def _gpu(card: dict[str, str]) -> Gpu | None:
    name = card.get("sppci_model") or card.get("Chipset Model") or _translated(card.get("_name", ""))
    if not name:
        return None
    vendor = parse_device_name(f"{card.get('spdisplays_vendor', '')} {card.get('Vendor', '')} {name}").vendor
    if vendor == "apple":
        cores = number(card.get("sppci_cores") or card.get("Total Number of Cores"))
        return Gpu(vendor=vendor, name=name, unified=True, num_cores=cores)
    dedicated = next((size for key in _DEDICATED if (size := parse_size(card.get(key)))), None)
    shared = next((size for key in _SHARED if (size := parse_size(card.get(key)))), None)
    # AMD's and NVIDIA's parts in Macs are cards with memory of their own, Intel's are in the processor.
    unified = False if dedicated or vendor in ("amd", "nvidia") else True if shared or vendor == "intel" else None
    return Gpu(vendor=vendor, name=name, memory_bytes=dedicated or shared, unified=unified)


def _translated(name: str) -> str:
    """A card's name; early macOS prints the key of one that it has no translation of, "kHW_AppleM1Item"."""
    match = _UNTRANSLATED.fullmatch(name)
    return " ".join(_WORDS.findall(match[1])) if match else name


def _json_cards(text: str | None) -> list[dict[str, str]]:
    document = parse_partial_json(text)
    entries = _entries(document, "SPDisplaysDataType") if isinstance(document, dict) else []
    return [{key: found for key, value in entry.items() if (found := _string(value))} for entry in entries]


def _text_cards(text: str | None) -> list[dict[str, str]]:
    """Keys of each card: they stand under its name, and those of the displays on it deeper still."""
    lines = list(_lines(without_cut_line(text)))
    first = next((indent for indent, _, value in lines if value), None)
    depth = next((indent for indent, key, _ in lines if key == "Chipset Model"), first)
    cards: list[dict[str, str]] = []
    for indent, key, value in lines:
        if not value and (depth is None or indent < depth):
            cards.append({"_name": key})
        elif value and indent == depth:
            if not cards or (key == "Chipset Model" and key in cards[-1]):
                cards.append({})
            cards[-1].setdefault(key, value)
    # The heading of the report is no card; a card's name is one even where the text ends after it.
    return [card for index, card in enumerate(cards) if len(card) > 1 or 0 < index == len(cards) - 1]


def _overview(text: str | None) -> dict[str, str]:
    if _is_json(text):
        document = parse_partial_json(text)
        entries = _entries(document, "SPHardwareDataType") if isinstance(document, dict) else []
        entry = entries[0] if entries else {}
        return {key: found for key, value in entry.items() if (found := _string(value))}
    values: dict[str, str] = {}
    for _, key, value in _lines(without_cut_line(text)):
        if value:
            values.setdefault(key, value)
    return values


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """(indent, key, value) of each `key: value` line."""
    for line in text.splitlines():
        key, found, value = line.partition(":")
        if found and key.strip():
            yield len(line) - len(line.lstrip()), key.strip(), value.strip()


def _only_size(values: dict[str, str]) -> str | None:
    """The memory of an overview in another language: the one size in gigabytes."""
    sizes = {value for value in values.values() if re.fullmatch(r"\d+ GB", value)}
    return sizes.pop() if len(sizes) == 1 else None


def _parenthesised(values: dict[str, str]) -> str | None:
    """The cores of an overview in another language: "10 (8 ... 2 ...)"."""
    return next((value for value in values.values() if re.fullmatch(r"\d+ \(\d+ .*\d+ .*\)", value)), None)


def _entries(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = document.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _string(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).strip() or None


def _is_json(text: str | None) -> bool:
    return (text or "").lstrip("\ufeff \t\r\n").startswith("{")


def _is_complete(text: str | None) -> bool:
    return (text or "").rstrip().endswith("}") and (text or "").count("{") == (text or "").count("}")
