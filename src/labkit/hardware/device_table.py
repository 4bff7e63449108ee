"""What is known of devices by name: bandwidth, arithmetic rates, memory sizes. Data, not detection.

A name is looked up as a whole: where the table has no row of exactly these words, the device is unknown, never its
neighbour. Where one name stands for several parts, what the machine says besides (memory, GPU cores, memory clock)
decides; what it leaves open is known as far as the remaining rows agree.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from labkit.errors import InputError
from labkit.hardware.device_name import parse_device_name

_SHIPPED = Path(__file__).parent / "data" / "devices.json"
_GIB = 1024**3
# Drivers keep a part for themselves and for error correction: 15360 MiB of a T4's 16 GiB, 45 GiB of an L40S's 48.
_LEAST_SHARE, _MOST_SHARE = 0.88, 1.03
_CLOCK_TOLERANCE = 0.1
_SIZE_BEHIND = re.compile(r" \d+GB$")


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A row of the table, or what several rows agree on. Unknown is None.

    Attributes:
        name: as the table writes it; of several rows, all their names.
        kind: "consumer", "laptop", "datacenter/workstation", "integrated" or "system memory".
        memory_gib: sizes sold under this name.
        bandwidth_gb_per_second: theoretical peak, in 10^9 bytes per second.
        bandwidth_tables: how many independent tables agree on it; 0 when it is derived.
        fp16_tflops: rate without tensor cores; see `about` in the data file.
        fp16_tensor_tflops: dense rate of the tensor cores with 32-bit sums.
        int8_tensor_tops: dense rate of the tensor cores.
        compute_capability: of CUDA, "8.9".
        architecture: AMD's name of the instruction set, "gfx1100".
        num_cores: GPU cores, where one name is sold with several counts.
        memory_clock_mhz: largest, where it alone tells two boards apart.
        also: other names that drivers print.
        sources: keys of the table's `sources`.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    name: str
    vendor: str | None = None
    kind: str | None = None
    memory_gib: tuple[int, ...] = ()
    bandwidth_gb_per_second: float | None = None
    bandwidth_tables: int | None = None
    unified: bool = False
    fp16_tflops: float | None = None
    fp16_tensor_tflops: float | None = None
    int8_tensor_tops: float | None = None
    compute_capability: str | None = None
    architecture: str | None = None
    num_cores: int | None = None
    memory_clock_mhz: int | None = None
    year: int | None = None
    also: tuple[str, ...] = ()
    note: str | None = None
    sources: tuple[str, ...] = ()

    @property
    def peak_bandwidth_bytes_per_second(self) -> float | None:
        """Theoretical peak."""
        return _scaled(self.bandwidth_gb_per_second, 1e9)

    @property
    def peak_fp16_flops(self) -> float | None:
        """Operations per second without tensor cores."""
        return _scaled(self.fp16_tflops, 1e12)

    @property
    def peak_fp16_tensor_flops(self) -> float | None:
        """Operations per second of the tensor cores, dense."""
        return _scaled(self.fp16_tensor_tflops, 1e12)


class DeviceTable:
    """Rows by name. Reads nothing; see `load_device_table`."""

    def __init__(self, devices: Iterable[DeviceFacts], sources: Mapping[str, str] | None = None) -> None:
        """A later row replaces an earlier one of the same name."""
        self.devices = tuple({device.name: device for device in devices}.values())
        self.sources = dict(sources or {})
        self._by_words: dict[frozenset[str], list[DeviceFacts]] = {}
        for device in self.devices:
            for words in {_row_words(device, name) for name in (device.name, *device.also)}:
                self._by_words.setdefault(words, []).append(device)

    def find(
        self,
        name: str,
        *,
        vendor: str | None = None,
        memory_bytes: int | None = None,
        num_cores: int | None = None,
        memory_clock_mhz: int | None = None,
    ) -> DeviceFacts | None:
        """Facts of the device of that name, or None. Pure.

        Args:
            name: as a driver or a tool prints it; one that a table cut ("... RTX 3060 ...") goes to `find_cut`.
            vendor: "nvidia", "amd", "intel" or "apple"; rows of others are left out.
            memory_bytes: of the card; of a unified part, the system's.
            num_cores: GPU cores (Apple).
            memory_clock_mhz: largest (NVIDIA's clocks.max.memory).
        """
        if name.rstrip().endswith("..."):
            return self.find_cut(name, memory_bytes=memory_bytes)
        asked = parse_device_name(name)
        # A size in the name that is no size of the card belongs to the name (GH200 480GB).
        found = self._by_words.get(asked.all_words, []) if asked.sizes_gib else []
        sizes = () if found else asked.sizes_gib
        found = found or self._by_words.get(asked.words, [])
        vendors = {vendor or asked.vendor, asked.vendor or vendor} - {None}
        rows = [row for row in found if row.vendor is None or vendors <= {row.vendor}]
        rows = [row for row in rows if set(sizes) <= set(row.memory_gib)]
        rows = _of_memory(rows, memory_bytes)
        rows = _of(rows, "num_cores", num_cores or asked.num_cores, 0)
        rows = _of(rows, "memory_clock_mhz", memory_clock_mhz, _CLOCK_TOLERANCE)
        if not sizes and memory_bytes is None:
            rows = [_without_rates(row) if _sold_with_others(row) else row for row in rows]
        return _agreed(rows) if rows else None

    def find_cut(self, name: str, *, memory_bytes: int | None) -> DeviceFacts | None:
        """The only row whose name begins like this and was too long to be printed, with that memory; or None."""
        shown = name.strip().removesuffix("...").rstrip()
        beginning = _letters(shown)
        if memory_bytes is None or not beginning:
            return None
        fitting = [
            row
            for row in _of_memory(list(self.devices), memory_bytes)
            if any(_letters(known).startswith(beginning) and len(known) > len(name.strip()) for known in _printed(row))
        ]
        return fitting[0] if len(fitting) == 1 else None


def find_device(
    name: str, *, vendor: str | None = None, memory_bytes: int | None = None, num_cores: int | None = None
) -> DeviceFacts | None:
    """Facts of a device from the shipped table; see `DeviceTable.find`."""
    return shipped_devices().find(name, vendor=vendor, memory_bytes=memory_bytes, num_cores=num_cores)


@cache
def shipped_devices() -> DeviceTable:
    """The table that comes with labkit."""
    # Its rows are checked by a test: the strict reader costs a tenth of a second at every start.
    document = json.loads(_SHIPPED.read_bytes())
    lists = ("memory_gib", "also", "sources")
    rows = ({**row, **{name: tuple(row.get(name, ())) for name in lists}} for row in document["devices"])
    return DeviceTable((DeviceFacts(**row) for row in rows), document["sources"])


def load_device_table(user_folder: Path | None = None) -> DeviceTable:
    """The shipped table, with the rows of every *.json in `user_folder` put over it by name.

    Raises InputError that lists every problem of a user's file.
    """
    table = shipped_devices()
    paths = sorted(user_folder.glob("*.json")) if user_folder is not None and user_folder.is_dir() else []
    for path in paths:
        added = read_devices(path)
        table = DeviceTable((*table.devices, *added.devices), table.sources | added.sources)
    return table


def read_devices(path: Path) -> DeviceTable:
    """One file of devices, checked strictly: `{"sources": {key: text}, "devices": [row, ...]}`.

    Raises InputError that lists every problem.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        document = TypeAdapter(_Document).validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="check its permissions") from error
    except ValidationError as error:
        listed = "\n".join(
            f"  - {'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors(include_url=False)
        )
        hint = "correct these lines, or move the file away"
        raise InputError(f"{path} is not a valid table of devices:\n{listed}", hint=hint) from error
    return DeviceTable(document.devices, document.sources)


@dataclass(frozen=True, slots=True)
class _Document:
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    devices: tuple[DeviceFacts, ...]
    sources: dict[str, str]
    as_of: str = ""
    about: str = ""


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _printed(device: DeviceFacts) -> tuple[str, ...]:
    """Its names without a size that drivers leave out, and with and without the vendor in front."""
    names = (_SIZE_BEHIND.sub("", device.name), *device.also)
    return (*names, *(name.removeprefix("NVIDIA ") for name in names))


def _row_words(device: DeviceFacts, name: str) -> frozenset[str]:
    parsed = parse_device_name(name)
    return parsed.words if set(parsed.sizes_gib) <= set(device.memory_gib) else parsed.all_words


def _of_memory(rows: list[DeviceFacts], memory_bytes: int | None) -> list[DeviceFacts]:
    if memory_bytes is None:
        return rows
    fitting = [row for row in rows if not row.memory_gib or any(_fits(memory_bytes, size) for size in row.memory_gib)]
    shared = [row for row in rows if row.unified and not _sold_with_others(row)]
    # Of a unified part the memory is the system's, less what firmware or a virtual machine keeps from it: it may tell
    # two parts of one name apart, and says nothing against the only one.
    return fitting or shared


def _of(rows: list[DeviceFacts], fact: str, value: int | None, tolerance: float) -> list[DeviceFacts]:
    if value is None:
        return rows
    known = [(row, getattr(row, fact)) for row in rows]
    return [row for row, expected in known if expected is None or abs(expected - value) <= tolerance * expected]


def _fits(memory_bytes: int, size_gib: int) -> bool:
    return _LEAST_SHARE <= memory_bytes / (size_gib * _GIB) <= _MOST_SHARE


def _sold_with_others(row: DeviceFacts) -> bool:
    """Whether its name carries a size: boards of the same name with another size are another part."""
    return bool(parse_device_name(row.name).sizes_gib)


def _without_rates(row: DeviceFacts) -> DeviceFacts:
    return replace(
        row,
        memory_gib=(),
        bandwidth_gb_per_second=None,
        bandwidth_tables=None,
        fp16_tflops=None,
        fp16_tensor_tflops=None,
        int8_tensor_tops=None,
    )


def _agreed(rows: list[DeviceFacts]) -> DeviceFacts:
    first, *others = rows
    if not others:
        return first
    shared = {
        entry.name: getattr(first, entry.name)
        for entry in fields(DeviceFacts)
        if all(getattr(row, entry.name) == getattr(first, entry.name) for row in others)
    }
    sources = dict.fromkeys(key for row in rows for key in row.sources)
    names = " or ".join(row.name for row in rows)
    return DeviceFacts(**{**shared, "name": names, "sources": tuple(sources), "also": ()})


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
