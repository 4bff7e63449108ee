"""NVML, the driver's own library, asked in a child process: a library that crashes or hangs takes only the child.

`python -m labkit.hardware.probes.nvml` prints what the library says, one block of lines for each card; the parser
reads that, and the same calls as other tools print them. It is asked where nvidia-smi is missing or leaves something
open (containers are often given the driver's library without its tool); it needs the package nvidia-ml-py.
"""

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from labkit.hardware.probes.nvidia_card import Card, Slice, clock_mhz, enabled, known
from labkit.hardware.probes.pci import normal_slot

COMMAND = (sys.executable, "-m", "labkit.hardware.probes.nvml")
NOT_INSTALLED = "nvidia-ml-py is not installed"
_PAIR = re.compile(r"^\s*([A-Za-z][\w .]*?)\s*:\s+(.*?)\s*$")
_MEMORY = re.compile(r"^\s*(nvmlDeviceGetMemoryInfo\w*)\s*->\s*(\w+)(.*)$")
_NUMBER = re.compile(r"\b(total|reserved|free|used)=(\d{1,20})\b")
_SUCCESS = "NVML_SUCCESS"
_NOT_SUPPORTED = "NVML_ERROR_NOT_SUPPORTED"
_ADDRESSING = {1: "HMM", 2: "ATS"}  # nvmlDeviceAddressingModeType_t


def parse_nvml(text: str | None) -> tuple[Card, ...]:
    """Cards; a block begins with its `device` line, and the driver may stand anywhere."""
    blocks: list[tuple[dict[str, str], list[list[re.Match[str]]]]] = []
    driver: str | None = None
    for line in (text or "").splitlines():
        if match := _MEMORY.match(line):
            if blocks:
                blocks[-1][1][-1].append(match)
        elif pair := _PAIR.match(line):
            key, value = pair[1].lower(), pair[2]
            if key == "device":
                blocks.append(({"device": value}, [[]]))
            elif key == "driver":
                driver = driver or known(value)
            elif blocks and key == "mig device":
                blocks[-1][1].append([])
            elif blocks:
                blocks[-1][0].setdefault(key, value)
    return tuple(_card(texts, memory, index, driver) for index, (texts, memory) in enumerate(blocks))


def _card(texts: dict[str, str], memory: list[list[re.Match[str]]], index: int, driver: str | None) -> Card:
    sizes = _sizes(memory[0])
    parts = [_sizes(calls) for calls in memory[1:]]
    mig = enabled(texts.get("mig mode")) if "mig mode" in texts else None
    listed = texts.get("mig devices", "").isdecimal()
    slices = tuple(Slice(part["total"], part.get("free")) for part in parts if part.get("total"))
    width = texts.get("memory bus width", "")
    return Card(
        index=index,
        name=known(texts["device"]),
        pci_address=normal_slot(texts.get("pci")),
        memory_bytes=sizes.get("total") or None,
        free_bytes=sizes.get("free") if sizes.get("total") else None,
        used_bytes=sizes.get("used") if sizes.get("total") else None,
        reserved_bytes=sizes.get("reserved"),
        memory_absent=any(call[2] == _NOT_SUPPORTED for call in memory[0]) if not sizes.get("total") else None,
        compute_capability=known(texts.get("compute capability")),
        driver=driver,
        mig=mig,
        slices=slices if mig and (slices or listed) else None,
        addressing_mode=texts.get("addressing mode") if texts.get("addressing mode") in ("ATS", "HMM") else None,
        memory_clock_mhz=clock_mhz(texts.get("memory clock")),
        bus_width_bits=int(width) if re.fullmatch(r"\d{1,5}", width) else None,
    )


def _sizes(calls: list[re.Match[str]]) -> dict[str, int]:
    """Of several calls the newest that succeeded: the older one counts what the driver reserves as used."""
    done = [call for call in calls if call[2] == _SUCCESS]
    newest = max(done, key=lambda call: call[1], default=None)
    return {name: int(value) for name, value in _NUMBER.findall(newest[3])} if newest else {}


def describe(nvml: Any) -> Iterator[str]:
    """The lines of every card, from the module pynvml. Raises its NVMLError when the library does not start."""
    nvml.nvmlInit()
    yield f"driver : {_text(nvml.nvmlSystemGetDriverVersion())}"
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError as error:
            yield f"error : card {index}: {error}"
            continue
        yield from _describe_card(nvml, handle)


def _describe_card(nvml: Any, handle: Any) -> Iterator[str]:
    questions: dict[str, Callable[[], Any]] = {
        "device": lambda: _text(nvml.nvmlDeviceGetName(handle)),
        "pci": lambda: _text(nvml.nvmlDeviceGetPciInfo(handle).busId),
        "compute capability": lambda: "{}.{}".format(*nvml.nvmlDeviceGetCudaComputeCapability(handle)),
        "memory bus width": lambda: nvml.nvmlDeviceGetMemoryBusWidth(handle),
        "memory clock": lambda: nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_MEM),
        "addressing mode": lambda: _ADDRESSING.get(nvml.nvmlDeviceGetAddressingMode(handle), "None"),
        "mig mode": lambda: "Enabled" if nvml.nvmlDeviceGetMigMode(handle)[0] else "Disabled",
    }
    for label, ask in questions.items():
        answer = _answer(nvml, ask)
        if answer is not None or label == "device":
            yield f"{label} : {answer or '[N/A]'}"
    yield _describe_memory(nvml, handle)
    slices = [part for i in range(_answer(nvml, lambda: nvml.nvmlDeviceGetMaxMigDeviceCount(handle)) or 0)
              if (part := _answer(nvml, lambda i=i: nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, i)))]  # fmt: skip
    yield f"mig devices : {len(slices)}"
    for part in slices:
        yield f"mig device : {_answer(nvml, lambda part=part: _text(nvml.nvmlDeviceGetName(part))) or '[N/A]'}"
        yield _describe_memory(nvml, part)


def _describe_memory(nvml: Any, handle: Any) -> str:
    """The newer call, which tells reserved memory apart; a driver without it is asked by the older one."""
    newer = getattr(nvml, "nvmlMemory_v2", None)
    if newer and (memory := _answer(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(handle, newer))):
        sizes = f"total={memory.total} reserved={memory.reserved} free={memory.free} used={memory.used}"
        return f"nvmlDeviceGetMemoryInfo_v2 -> {_SUCCESS} {sizes}"
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError as error:
        code = _NOT_SUPPORTED if error.value == nvml.NVML_ERROR_NOT_SUPPORTED else f"NVML_ERROR_{error.value}"
        return f"nvmlDeviceGetMemoryInfo -> {code}"
    return f"nvmlDeviceGetMemoryInfo -> {_SUCCESS} total={memory.total} free={memory.free} used={memory.used}"


def _answer(nvml: Any, ask: Callable[[], Any]) -> Any:
    # A driver that is older than the package lacks functions, and then AttributeError or NVMLError says so.
    try:
        return ask()
    except (nvml.NVMLError, AttributeError):
        return None


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def main() -> int:
    """Print what NVML says of this machine. 0 unless the library does not start."""
    from importlib import import_module

    try:
        nvml: Any = import_module("pynvml")
    except ImportError:
        sys.stdout.write(f"{NOT_INSTALLED}\n")
        return 1
    try:
        for line in describe(nvml):
            sys.stdout.write(f"{line}\n")
    except nvml.NVMLError as error:
        sys.stdout.write(f"Failed to initialize NVML: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
