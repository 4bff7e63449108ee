"""NVIDIA cards through nvidia-smi.

Its table is cut to 80 columns and its fields differ between drivers, so it is asked for named fields as CSV, and
again without those that this driver does not know. On unified parts (GB10, Thor, Jetson) memory is "[N/A]": the
pool is the system's. A MIG-partitioned card shows its parent, so its slices are read from the XML report.
"""

import csv
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.probes.text import first_line
from labkit.hardware.profile import Gpu, Problem
from labkit.hardware.source import CommandOutput, Source

FIELDS = (
    "name", "memory.total", "memory.free", "compute_cap", "driver_version", "mig.mode.current", "addressing_mode",
)  # fmt: skip
_LEAST_FIELDS = ("name", "memory.total", "driver_version")
_PROGRAMS = (
    "nvidia-smi",
    "/usr/lib/wsl/lib/nvidia-smi",
    r"C:\Program Files\NVIDIA Corporation\NVSMI\nvidia-smi.exe",
)
_UNKNOWN_FIELD = re.compile(r'Field "([\w.]+)" is not a valid field')
_MIB = re.compile(r"(\d+)(?:\s*MiB)?")
_TIMEOUT_SECONDS = 10.0
_PCI_NVIDIA, _PCI_DISPLAY = "0x10de", "0x03"
_INSTALL = "install the NVIDIA driver (on Ubuntu: sudo ubuntu-drivers install), restart, then check: nvidia-smi"


@dataclass(frozen=True, slots=True)
class _Answer:
    program: str
    fields: tuple[str, ...]
    output: CommandOutput


def probe_nvidia(source: Source) -> Finding[tuple[Gpu, ...]]:
    """Cards, or slices of them, that the driver reports; a driver that fails is an explained problem."""
    answer = _query(source)
    if answer is None:
        return Finding((), problems=_driverless(source))
    if not answer.output.succeeded:
        return Finding((), problems=(_failure(source, answer.output),))
    gpus = parse_query_csv(answer.output.stdout, answer.fields)
    if any(gpu.mig for gpu in gpus):
        report = source.run([answer.program, "-q", "-x"], timeout_seconds=_TIMEOUT_SECONDS)
        gpus = parse_xml(report.stdout if report else None) or gpus
    facts = {
        f"{index}.{name}": fact
        for index, gpu in enumerate(gpus)
        for name, fact in reported_by(gpu, "nvidia-smi").items()
    }
    return Finding(gpus, facts)


def parse_query_csv(text: str | None, fields: tuple[str, ...]) -> tuple[Gpu, ...]:
    """From `--format=csv,noheader,nounits` in the order of `fields`. Lines of another width are left out."""
    gpus: list[Gpu] = []
    for row in csv.reader((text or "").splitlines(), skipinitialspace=True):
        values = dict(zip(fields, (cell.strip() for cell in row), strict=False))
        if len(row) == len(fields) and _known(values.get("name")):
            gpus.append(_gpu(values))
    return tuple(gpus)


def parse_xml(text: str | None) -> tuple[Gpu, ...]:
    """From `nvidia-smi -q -x`, every schema since 2019: one Gpu for each card, or for each MIG slice of one."""
    try:
        root = ET.fromstring(text or "")
    except ET.ParseError:
        return ()
    driver = _known(root.findtext("driver_version"))
    gpus: list[Gpu] = []
    for card in root.iter("gpu"):
        name = _known(card.findtext("product_name"))
        if name is None:
            continue
        slices = card.findall("mig_devices/mig_device") if card.findtext("mig_mode/current_mig") == "Enabled" else []
        for part in slices or [card]:
            total = mebibytes(part.findtext("fb_memory_usage/total"))
            unified = _unified(total, card.findtext("addressing_mode"))
            gpus.append(
                Gpu(
                    vendor="nvidia",
                    name=name,
                    memory_bytes=total,
                    free_bytes=mebibytes(part.findtext("fb_memory_usage/free")),
                    unified=unified,
                    driver=driver,
                    mig=part is not card,
                )
            )
    return tuple(gpus)


def mebibytes(text: str | None) -> int | None:
    """Bytes from "24564" or "24564 MiB"; None for "[N/A]", "ERR!" and the like."""
    match = _MIB.fullmatch((text or "").strip())
    return int(match[1]) * 1024**2 if match else None


def _gpu(values: dict[str, str]) -> Gpu:
    total = mebibytes(values.get("memory.total"))
    mode = values.get("mig.mode.current", "")
    return Gpu(
        vendor="nvidia",
        name=values["name"],
        memory_bytes=total or None,
        free_bytes=mebibytes(values.get("memory.free")) if total else None,
        unified=_unified(total, values.get("addressing_mode")),
        driver=_known(values.get("driver_version")),
        compute_capability=_known(values.get("compute_cap")),
        mig=True if mode == "Enabled" else None,
    )


def _unified(total_bytes: int | None, addressing_mode: str | None) -> bool:
    # Address translation services mean that the GPU reads the processor's page tables. Cards with memory of their
    # own can have that as well (GH200), so a missing memory size decides.
    return not total_bytes and (addressing_mode or "") != "HMM"


def _known(text: str | None) -> str | None:
    clean = (text or "").strip()
    return (
        clean if clean and clean.strip("[]").upper() not in ("N/A", "NOT SUPPORTED", "ERR!", "UNKNOWN ERROR") else None
    )


def _query(source: Source) -> _Answer | None:
    for program in _PROGRAMS:
        fields = FIELDS
        output = _ask(source, program, fields)
        if output is None:
            continue
        while not output.succeeded and (unknown := _UNKNOWN_FIELD.search(output.stdout + output.stderr)):
            kept = tuple(name for name in fields if name != unknown[1])
            if kept == fields:
                break
            fields, output = kept, _ask(source, program, kept) or output
        return _Answer(program, fields, output)
    return None


def _ask(source: Source, program: str, fields: tuple[str, ...]) -> CommandOutput | None:
    command = [program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    return source.run(command, timeout_seconds=_TIMEOUT_SECONDS)


def _failure(source: Source, output: CommandOutput) -> Problem:
    if output.exit_code is None:
        return Problem(
            "warning",
            "nvidia-smi did not answer within 10 seconds: the driver hangs, so NVIDIA cards are left out",
            "restart the machine, then check: nvidia-smi",
        )
    said = first_line(output.stdout) or first_line(output.stderr) or f"exit code {output.exit_code}"
    if "no devices were found" in said.lower():
        return Problem(
            "note",
            "the NVIDIA driver is installed and finds no card",
            "if there is one: sudo dmesg | grep -i nvrm",
        )
    if "version mismatch" in said.lower():
        return Problem("warning", f"nvidia-smi fails: {said}", "restart the machine: the driver was updated under it")
    wsl = "microsoft" in (source.read("/proc/sys/kernel/osrelease") or "").lower()
    fix = (
        "update the NVIDIA driver in Windows (none is installed inside WSL), then type: wsl --shutdown"
        if wsl
        else _INSTALL
    )
    return Problem("warning", f"nvidia-smi is installed and fails, so NVIDIA cards are left out: {said}", fix)


def _driverless(source: Source) -> tuple[Problem, ...]:
    """Without nvidia-smi: whether a card, or a driver without its tool, is there all the same (Linux)."""
    if source.read("/proc/driver/nvidia/version"):
        fix = "install nvidia-utils of the driver's version, or start the container with: docker run --gpus all ..."
        return (Problem("warning", "an NVIDIA driver is loaded, and nvidia-smi is not installed", fix),)
    for path in source.glob("/sys/bus/pci/devices/*/vendor"):
        display = (source.read(path.removesuffix("vendor") + "class") or "").startswith(_PCI_DISPLAY)
        if display and (source.read(path) or "").strip() == _PCI_NVIDIA:
            return (Problem("warning", "there is an NVIDIA card, and no NVIDIA driver", _INSTALL),)
    return ()
