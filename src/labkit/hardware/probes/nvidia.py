"""NVIDIA cards: what the driver says through nvidia-smi and NVML, whichever of their outputs there is.

nvidia-smi is asked for named fields as CSV, and again without those that this driver does not know. What is then
still open (a partitioned card shows its whole memory and not its slices; an output may be missing) is asked from the
full report, the table and NVML, in this order. NVML comes last because its child process costs a start of Python,
and nvidia-smi reads the same library. Outputs are known by their content, so one saved under another name is read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from labkit.hardware.probes import nvml
from labkit.hardware.probes.finding import Finding, facts_of
from labkit.hardware.probes.memory import parse_meminfo
from labkit.hardware.probes.nvidia_card import Card, gpus_of, join_cards
from labkit.hardware.probes.nvidia_csv import parse_query_csv
from labkit.hardware.probes.nvidia_failures import INSTALL, explain, lost_card
from labkit.hardware.probes.nvidia_table import parse_list, parse_table
from labkit.hardware.probes.nvidia_visible import hidden_cards
from labkit.hardware.probes.nvidia_xml import parse_q_text, parse_xml
from labkit.hardware.probes.pci import PciDevice, display_devices
from labkit.hardware.probes.wsl import wsl_version
from labkit.hardware.profile import FactSource, Gpu, Problem
from labkit.hardware.source import CommandOutput, Source

FIELDS = (
    "name", "pci.bus_id", "memory.total", "memory.free", "memory.reserved", "compute_cap", "driver_version",
    "mig.mode.current", "addressing_mode", "clocks.max.memory",
)  # fmt: skip
_PROGRAM = "nvidia-smi"
_ELSEWHERE = {
    "Linux": "/usr/lib/wsl/lib/nvidia-smi",
    "Windows": r"C:\Program Files\NVIDIA Corporation\NVSMI\nvidia-smi.exe",
}
_UNKNOWN_FIELD = 'Field "'
_TIMEOUT_SECONDS = 10.0
_SLICES_UNKNOWN = "nvidia-smi -L lists them"
_NO_SLICE = "make one: sudo nvidia-smi mig -cgi 0 -C, or end partitioning: sudo nvidia-smi -mig 0"


@dataclass(frozen=True, slots=True)
class _Reading:
    """One output: what it says of cards, and the tool that said it."""

    tool: str
    output: CommandOutput
    cards: tuple[Card, ...]


def probe_nvidia(source: Source) -> Finding[tuple[Gpu, ...]]:
    """Cards, or slices of them, that the driver reports; a driver that fails is an explained problem."""
    readings: list[_Reading] = []
    cards: tuple[Card, ...] = ()
    for reading in _outputs(source):
        readings.append(reading)
        cards = join_cards(one.cards for one in readings)
        if (cards and all(card.complete for card in cards)) or reading.output.exit_code is None:
            break
    if not cards:
        return _no_cards(source, readings)
    gpus, problems = _gpus(source, cards)
    tools = " and ".join(dict.fromkeys(reading.tool for reading in readings if reading.cards))
    lost = next(filter(None, (lost_card(reading.output) for reading in readings)), None)
    hidden = hidden_cards(source, len(cards))
    return Finding(gpus, _facts(gpus, tools), (*problems, *filter(None, (lost, hidden))))


def parse_output(text: str | None) -> tuple[Card, ...]:
    """Cards of any output of nvidia-smi, known by its content."""
    start = (text or "").lstrip("\ufeff \t\r\n")
    parsers: tuple[tuple[bool, Callable[[str], tuple[Card, ...]]], ...] = (
        ("<nvidia_smi_log" in start, parse_xml),
        ("NVSMI LOG" in start, parse_q_text),
        ("| NVIDIA-SMI" in start or start.startswith(("+--", "|")), parse_table),
        (start.startswith("GPU 0:"), parse_list),
    )
    parser = next((parser for fits, parser in parsers if fits), parse_query_csv)
    return parser(start)


def _outputs(source: Source) -> Iterator[_Reading]:
    asked: tuple[Callable[[Source], CommandOutput | None], ...] = (
        _query,
        lambda source: _run(source, ["-q", "-x"]),
        lambda source: _run(source, ["-q"]),
        lambda source: _run(source, []),
        lambda source: _run(source, ["-L"]),
    )
    found = False
    for ask in asked:
        output = ask(source)
        if output is not None:
            found = True
            yield _Reading("nvidia-smi", output, parse_output(output.stdout))
    worthwhile = found or _has_driver(source)
    output = source.run(nvml.COMMAND, timeout_seconds=_TIMEOUT_SECONDS) if worthwhile else None
    cards = nvml.parse_nvml(output.stdout if output else None)
    if output is not None and cards:
        yield _Reading("NVML", output, cards)


def _query(source: Source) -> CommandOutput | None:
    fields = list(FIELDS)
    while fields:
        output = _run(source, [f"--query-gpu={','.join(fields)}", "--format=csv"])
        if output is None or output.succeeded:
            return output
        _, found, rest = f"{output.stdout}{output.stderr}".partition(_UNKNOWN_FIELD)
        unknown = rest.partition('"')[0]
        if not found or unknown not in fields:
            return output
        fields.remove(unknown)
    return None


def _run(source: Source, words: list[str]) -> CommandOutput | None:
    for program in filter(None, (_PROGRAM, _ELSEWHERE.get(source.system))):
        output = source.run([program, *words], timeout_seconds=_TIMEOUT_SECONDS)
        if output is not None:
            return output
    return None


def _gpus(source: Source, cards: tuple[Card, ...]) -> tuple[tuple[Gpu, ...], list[Problem]]:
    system_bytes = _system_bytes(source)
    gpus: list[Gpu] = []
    problems: list[Problem] = []
    for card in cards:
        gpus += gpus_of(card, system_bytes)
        if card.mig and not card.slices:
            name = card.name or "an NVIDIA card"
            none = card.slices is not None
            what = f"{name} is partitioned (MIG) " + ("without a slice" if none else "into slices that are not known")
            problems.append(
                Problem("warning", f"{what}: none of its memory can be used", _NO_SLICE if none else _SLICES_UNKNOWN)
            )
    return tuple(gpus), problems


def _facts(gpus: tuple[Gpu, ...], tools: str) -> dict[str, FactSource]:
    facts = facts_of(gpus, tools)
    for key, fact in facts.items():
        if key.endswith("peak_bandwidth_bytes_per_second"):
            facts[key] = replace(fact, source="NVML: memory clock and bus width")
    return facts


def _no_cards(source: Source, readings: list[_Reading]) -> Finding[tuple[Gpu, ...]]:
    """Nothing was listed: why, or a Jetson, whose older systems have no tool at all."""
    if board := _jetson(source):
        gpu = Gpu(vendor="nvidia", name=board, unified=True, mig=False)
        return Finding((gpu,), facts_of([gpu], "device tree"))
    wsl = any(wsl_version(source.read(path)) for path in ("/proc/sys/kernel/osrelease", "/proc/version"))
    problem = next(filter(None, (explain(reading.output, wsl=wsl) for reading in readings)), None)
    if problem is not None:
        return Finding((), problems=(problem,))
    return Finding(()) if readings else _on_the_bus(source)


def _jetson(source: Source) -> str | None:
    model = (source.read("/proc/device-tree/model") or "").strip("\0 \r\n")
    if "jetson" in model.lower():
        return model
    return "NVIDIA Jetson" if source.read("/etc/nv_tegra_release") else None


def _system_bytes(source: Source) -> int | None:
    return parse_meminfo(source.read("/proc/meminfo")).physical_bytes or source.counters().total_memory_bytes


def _has_driver(source: Source) -> bool:
    """Whether asking NVML may be worth its child process: its driver runs, or this is no Linux but a capture of it."""
    if source.read("/proc/driver/nvidia/version"):
        return True
    return source.system == "Linux" and source.read("/sys/devices/system/cpu/online") is None


def _on_the_bus(source: Source) -> Finding[tuple[Gpu, ...]]:
    """Without any output of the driver's tools: cards on the bus, and what keeps them from being used (Linux)."""
    cards = display_devices(source, "nvidia")
    gpus = tuple(Gpu(vendor="nvidia", name=_bus_name(card), pci_address=card.slot) for card in cards)
    facts = facts_of(gpus, "PCI bus")
    if source.read("/proc/driver/nvidia/version"):
        fix = "install nvidia-utils of the driver's version, or: pip install nvidia-ml-py"
        fix += "; a container is started with: docker run --gpus all ..."
        what = "an NVIDIA driver is loaded, and nvidia-smi is not installed"
        return Finding(gpus, facts, (Problem("warning", what, fix),))
    drivers = {card.driver for card in cards}
    if not cards or "nvidia" in drivers or not source.glob("/sys/bus/pci/devices/*/class"):
        return Finding(gpus, facts)  # nothing is known of the driver
    if drivers == {"vfio-pci"}:
        return Finding(gpus, facts, (Problem("note", "the NVIDIA card is set aside for a virtual machine (vfio-pci)"),))
    instead = ", only nouveau, which CUDA does not run on" if "nouveau" in drivers else ""
    return Finding(
        gpus, facts, (Problem("warning", f"there is an NVIDIA card, and no NVIDIA driver{instead}", INSTALL),)
    )


def _bus_name(card: PciDevice) -> str | None:
    """lspci puts the card's name behind the chip's: "AD102 [GeForce RTX 4090]"."""
    _, found, name = (card.name or "").partition("[")
    return f"NVIDIA {name.rstrip(']')}" if found else card.name
