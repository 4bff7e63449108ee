"""`nvidia-smi -q -x` of every schema since 2019, and `nvidia-smi -q`, the same report as text. Both may be cut."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace

from labkit.hardware.probes.nvidia_card import Card, Slice, card, enabled, known, size_bytes

# Field of --query-gpu -> element of a card. The bus address is found wherever the schema puts it.
_ELEMENTS = {
    "name": "product_name",
    "pci.bus_id": ".//pci_bus_id",
    "memory.total": "fb_memory_usage/total",
    "memory.free": "fb_memory_usage/free",
    "memory.used": "fb_memory_usage/used",
    "memory.reserved": "fb_memory_usage/reserved",
    "mig.mode.current": "mig_mode/current_mig",
    "addressing_mode": "addressing_mode",
    "clocks.max.memory": "max_clocks/mem_clock",
    "compute_cap": "compute_cap",
}
# The same in the report as text: section and label.
_LABELS = {
    "name": ("Product Name",),
    "pci.bus_id": ("PCI", "Bus Id"),
    "memory.total": ("FB Memory Usage", "Total"),
    "memory.free": ("FB Memory Usage", "Free"),
    "memory.used": ("FB Memory Usage", "Used"),
    "memory.reserved": ("FB Memory Usage", "Reserved"),
    "mig.mode.current": ("MIG Mode", "Current"),
    "addressing_mode": ("Addressing Mode",),
    "clocks.max.memory": ("Max Clocks", "Memory"),
}
_GPU_LINE = re.compile(r"^GPU ([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])\s*$")
_MIG_SECTION = "MIG Device"


def parse_xml(text: str | None) -> tuple[Card, ...]:
    """Cards, whole or as far as a cut report tells of them."""
    start = (text or "").find("<")
    if start < 0:
        return ()
    parser = ET.XMLPullParser(("start", "end"))
    ended: set[int] = set()
    cards: list[ET.Element] = []
    driver: str | None = None
    try:
        parser.feed((text or "")[start:].replace("\0", ""))
        parser.close()
    except (ET.ParseError, ValueError):
        pass  # a cut report: what was read until there is whole
    try:
        events: Iterator[tuple[str, ET.Element]] = parser.read_events()  # pyright: ignore[reportAssignmentType]
        for event, element in events:
            if event == "start" and element.tag == "gpu" and (not cards or id(cards[-1]) in ended):
                cards.append(element)
            elif event == "end":
                ended.add(id(element))
                driver = known(element.text) if element.tag == "driver_version" and not driver else driver
    except ET.ParseError:
        pass
    for element in cards:
        _drop_unfinished(element, ended)
    found = (_card_of(element, index, driver, ended) for index, element in enumerate(cards))
    return tuple(one for one in found if one.name)


def parse_q_text(text: str | None) -> tuple[Card, ...]:
    """Cards of `nvidia-smi -q` without -x."""
    driver: str | None = None
    cards: list[tuple[str, list[tuple[tuple[str, ...], str]]]] = []
    path: list[tuple[int, str]] = []
    for line in (text or "").splitlines():
        if match := _GPU_LINE.match(line):
            cards.append((match[1], []))
            path = []
            continue
        label, found, value = (part.strip() for part in line.partition(" :"))
        depth = len(line) - len(line.lstrip())
        path = [(outer, name) for outer, name in path if outer < depth]
        if not found:
            path.append((depth, label))
        elif not cards and label == "Driver Version":
            driver = known(value)
        elif cards:
            cards[-1][1].append(((*(name for _, name in path), label), value))
    found_cards = (_card_of_lines(address, lines, index, driver) for index, (address, lines) in enumerate(cards))
    return tuple(one for one in found_cards if one.name)


def _drop_unfinished(card: ET.Element, ended: set[int]) -> None:
    """Take out the text of elements that the cut left open: "<total>245" is no size."""
    for element in card.iter():
        if element is not card and id(element) not in ended:
            element.text = None


def _card_of(element: ET.Element, index: int, driver: str | None, ended: set[int]) -> Card:
    texts = {name: text for name, path in _ELEMENTS.items() if (text := element.findtext(path)) is not None}
    texts.setdefault("pci.bus_id", element.get("id", ""))
    one = card({name: text.strip() for name, text in texts.items()}, index, driver)
    if not enabled(texts.get("mig.mode.current")):
        return one
    parts = element.findall("mig_devices/mig_device")
    slices = tuple(own for part in parts if (own := Slice(_size(part, "total"), _size(part, "free"))).memory_bytes)
    # A report that ends among the slices does not say that there are no more.
    whole = id(element.find("mig_devices")) in ended
    return replace(one, slices=slices if slices or whole else None)


def _size(element: ET.Element, name: str) -> int | None:
    return size_bytes(element.findtext(f"fb_memory_usage/{name}"))


def _card_of_lines(address: str, lines: list[tuple[tuple[str, ...], str]], index: int, driver: str | None) -> Card:
    own = {path: value for path, value in reversed(lines) if _MIG_SECTION not in path}
    texts = {name: own[path] for name, path in _LABELS.items() if path in own}
    texts.setdefault("pci.bus_id", address)
    one = card(texts, index, driver)
    if not one.mig:
        return one
    totals = _slice_sizes(lines, "Total")
    frees = _slice_sizes(lines, "Free")
    frees += [None] * (len(totals) - len(frees))
    # The card's own memory stands behind its slices: without it, the report was cut among them.
    whole = "memory.total" in texts
    return replace(one, slices=tuple(map(Slice, totals, frees)) if totals or whole else None)


def _slice_sizes(lines: list[tuple[tuple[str, ...], str]], label: str) -> list[int | None]:
    wanted = (_MIG_SECTION, "FB Memory Usage", label)
    return [size_bytes(value) for path, value in lines if path == wanted]
