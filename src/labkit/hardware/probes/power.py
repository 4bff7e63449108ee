"""Mains or battery: on its battery a machine runs slower, and measurements say little of it elsewhere."""

from collections.abc import Iterator

from labkit.hardware.source import Source, printed

MAINS, BATTERY = "mains", "battery"
_SUPPLIES = "/sys/class/power_supply"
# Chargers that a supply's type names; "USB" is how laptops that charge over it list theirs.
_CHARGERS = ("Mains", "USB", "USB_C", "USB_PD", "Wireless")


def probe_power(source: Source) -> str | None:
    """Either "mains" or "battery"; None where nothing says it, as on desktops and servers."""
    if source.system == "Darwin":
        return parse_pmset(printed(source, ["pmset", "-g", "batt"]))
    return _linux(source) if source.system == "Linux" else None


def parse_pmset(text: str | None) -> str | None:
    """From "Now drawing from 'AC Power'"."""
    words = (text or "").lower()
    if "drawing from 'ac power'" in words:
        return MAINS
    return BATTERY if "drawing from 'battery power'" in words else None


def _linux(source: Source) -> str | None:
    chargers = list(_online(source))
    if any(chargers):
        return MAINS
    states = [(source.read(path) or "").strip() for path in _own_batteries(source)]
    if "Discharging" in states:
        return BATTERY
    if any(state in ("Charging", "Full", "Not charging") for state in states):
        return MAINS
    return BATTERY if chargers and states else None


def _online(source: Source) -> Iterator[bool]:
    for path in source.glob(f"{_SUPPLIES}/*/online"):
        kind = (source.read(path.replace("/online", "/type")) or "").strip()
        if kind in _CHARGERS or kind == "":
            yield (source.read(path) or "").strip() not in ("", "0")


def _own_batteries(source: Source) -> list[str]:
    """Status files of batteries that feed the machine: a mouse has one as well, with the scope "Device"."""
    found = source.glob(f"{_SUPPLIES}/*/status")
    return [path for path in found if (source.read(path.replace("/status", "/scope")) or "").strip() != "Device"]
