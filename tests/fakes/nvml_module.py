"""A hand-written pynvml: the calls that labkit makes, over cards given as data. Also usable as the module itself."""

from types import SimpleNamespace
from typing import Any

MIB = 1024**2
NVML_ERROR_NOT_SUPPORTED = 3
NVML_CLOCK_MEM = 2
nvmlMemory_v2 = 0x02000028  # noqa: N816

RTX_4090 = {
    "name": "NVIDIA GeForce RTX 4090", "bus": b"00000000:01:00.0", "capability": (8, 9), "width": 384, "clock": 10501,
    "mig": None, "memory": (24564, 443, 24000, 121), "slices": (),
}  # fmt: skip
A100_WITH_SLICES = {
    "name": b"NVIDIA A100-SXM4-80GB", "bus": b"00000000:41:00.0", "capability": (8, 0), "width": 5120, "clock": 1593,
    "mig": (1, 1), "memory": (81920, 869, 80999, 52), "slices": ((19968, 0, 19955, 13), (9856, 0, 9800, 56)),
}  # fmt: skip
GB10 = {**RTX_4090, "name": "NVIDIA GB10", "memory": None, "width": None, "clock": None}
LOST: dict[str, Any] = {}


class NVMLError(Exception):
    """As the package's, with its number."""

    def __init__(self, value: int) -> None:
        super().__init__(f"error {value}")
        self.value = value


class Nvml:
    """The module's functions, for `cards`."""

    NVMLError = NVMLError
    NVML_ERROR_NOT_SUPPORTED = NVML_ERROR_NOT_SUPPORTED
    NVML_CLOCK_MEM = NVML_CLOCK_MEM
    nvmlMemory_v2 = nvmlMemory_v2  # noqa: N815

    def __init__(self, *cards: dict[str, Any]) -> None:
        self._cards = cards

    def nvmlInit(self) -> None: ...  # noqa: N802

    def nvmlSystemGetDriverVersion(self) -> bytes:  # noqa: N802
        return b"570.86.15"

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self._cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> dict[str, Any]:  # noqa: N802
        return self._cards[index] or _raise(15)

    def nvmlDeviceGetName(self, card: dict[str, Any]) -> Any:  # noqa: N802
        return _known(card["name"])

    def nvmlDeviceGetPciInfo(self, card: dict[str, Any]) -> Any:  # noqa: N802
        return SimpleNamespace(busId=card["bus"])

    def nvmlDeviceGetCudaComputeCapability(self, card: dict[str, Any]) -> Any:  # noqa: N802
        return card["capability"]

    def nvmlDeviceGetMemoryBusWidth(self, card: dict[str, Any]) -> Any:  # noqa: N802
        return _known(card["width"])

    def nvmlDeviceGetMaxClockInfo(self, card: dict[str, Any], kind: int) -> Any:  # noqa: N802
        assert kind == NVML_CLOCK_MEM
        return _known(card["clock"])

    def nvmlDeviceGetMigMode(self, card: dict[str, Any]) -> Any:  # noqa: N802
        return _known(card["mig"] or ((0, 0) if card["name"] == RTX_4090["name"] else None))

    def nvmlDeviceGetAddressingMode(self, card: dict[str, Any]) -> int:  # noqa: N802
        return 2 if card["memory"] is None else 1

    def nvmlDeviceGetMaxMigDeviceCount(self, card: dict[str, Any]) -> int:  # noqa: N802
        return 7 if card["slices"] else 0

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: dict[str, Any], index: int) -> Any:  # noqa: N802
        if index >= len(card["slices"]):
            _raise(6)
        return {"name": "a slice", "memory": card["slices"][index]}

    def nvmlDeviceGetMemoryInfo(self, card: dict[str, Any], version: int | None = None) -> Any:  # noqa: N802
        assert version in (None, nvmlMemory_v2)
        total, reserved, free, used = _known(card["memory"])
        sizes = SimpleNamespace(total=total * MIB, free=free * MIB, used=used * MIB)
        if version:
            sizes.reserved = reserved * MIB
        return sizes


class OldNvml(Nvml):
    """Of a driver that knows neither slices nor reserved memory."""

    def nvmlDeviceGetMemoryInfo(self, card: dict[str, Any], version: int | None = None) -> Any:  # noqa: N802
        return _raise(13) if version else super().nvmlDeviceGetMemoryInfo(card)

    def nvmlDeviceGetMigMode(self, card: dict[str, Any]) -> Any:  # noqa: N802
        raise AttributeError("function not found")


def _known(value: Any) -> Any:
    return _raise(NVML_ERROR_NOT_SUPPORTED) if value is None else value


def _raise(value: int) -> Any:
    raise NVMLError(value)


_DEFAULT = Nvml(RTX_4090)
for _name in dir(_DEFAULT):
    if _name.startswith("nvml") and _name not in globals():
        globals()[_name] = getattr(_DEFAULT, _name)
