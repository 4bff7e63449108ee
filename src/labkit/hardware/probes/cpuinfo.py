"""/proc/cpuinfo of x86, Arm, RISC-V, POWER, LoongArch and s390: each architecture has keys of its own.

Formats: the kernel's arch/*/kernel/{setup,cpuinfo,proc}.c.
"""

import re
from collections import defaultdict

from labkit.hardware.probes.arm_cores import Part, arm_vendor, count_classes, describe_arm_cores
from labkit.hardware.probes.cpu_features import linux_features
from labkit.hardware.probes.text import blocks, key_values, number, without_cut_line
from labkit.hardware.profile import Cpu

Block = dict[str, str]

_NAME_KEYS = ("model name", "Model Name", "cpu model", "cpu", "uarch")
# What a 32-bit kernel, or a 64-bit one asked by a 32-bit program, prints for every Arm core.
_NO_NAME = re.compile(r"ARMv\d Processor.*|AArch64 Processor.*|unknown|-|")
_S390_PROCESSOR = re.compile(r"^processor \d+:.*machine = (\w+)", re.MULTILINE)


def parse_cpuinfo(text: str | None, *, excerpt: bool = False) -> Cpu:
    """Model, cores and features. Garbage gives an empty Cpu.

    Args:
        text: the file, or a part of it.
        excerpt: the text may hold some of the processors only, as people save it: what one processor says of its
            package then counts. Else the listed ones count: in some containers fewer are shown than there are.
    """
    whole = without_cut_line(text)
    listed = blocks(whole)
    if "vendor_id" in key_values(whole) and "# processors" in key_values(whole):
        return _s390(whole)
    processors = [block for block in listed if "processor" in block]
    if not processors:
        return Cpu()
    parts = [part for block in processors if (part := _part(block))]
    # After a cut nobody knows how many more there were.
    cut = whole != text
    fast, slow = (None, None) if cut else count_classes(parts)
    logical, physical = (None, None) if cut else _counts(processors, excerpt=excerpt)
    return Cpu(
        model_name=_name(processors) or describe_arm_cores(parts),
        vendor=_first(listed, "vendor_id") or (arm_vendor(parts[0][0]) if parts else None),
        physical_cores=physical,
        logical_cores=logical,
        performance_cores=fast,
        efficiency_cores=slow,
        features=linux_features(_flags(listed)),
        threads_per_core=_threads_per_core(processors),
    )


def _name(processors: list[Block]) -> str | None:
    names = (processors[0].get(key, "") for key in _NAME_KEYS)
    return next((name for name in names if name and not _NO_NAME.fullmatch(name)), None)


def _flags(listed: list[Block]) -> list[str]:
    """Instruction sets: of the first processor that names any; RISC-V has letters, "rv64imafdcv_zicsr"."""
    words = _first(listed, "flags") or _first(listed, "Features") or ""
    base = (_first(listed, "isa") or "").partition("_")[0].lower()
    return [*words.split(), *(["v"] if base.startswith("rv") and "v" in base[4:] else [])]


def _part(block: Block) -> Part | None:
    implementer, part = number(block.get("CPU implementer")), number(block.get("CPU part"))
    return (implementer, part) if implementer is not None and part is not None else None


def _counts(processors: list[Block], *, excerpt: bool) -> tuple[int, int | None]:
    """(logical, physical) cores."""
    cores = {
        (block["physical id"], block["core id"]) for block in processors if {"physical id", "core id"} <= block.keys()
    }
    logical, physical = len(processors), len(cores)
    if excerpt:
        logical = max(logical, _of_packages(processors, "siblings"))
        stated = _of_packages(processors, "cpu cores")
        physical = max(physical, stated) if stated or logical == len(processors) else 0
    return logical, physical or None


def _of_packages(processors: list[Block], key: str) -> int:
    """Sum over the packages of what their processors say of them."""
    packages: dict[str, int] = defaultdict(int)
    for block in processors:
        package = block.get("physical id", "0")
        packages[package] = max(packages[package], number(block.get(key)) or 0)
    return sum(packages.values())


def _threads_per_core(processors: list[Block]) -> int | None:
    siblings, cores = number(processors[0].get("siblings")), number(processors[0].get("cpu cores"))
    # Chips with two kinds of cores have fewer threads than all of theirs would have.
    return -(-siblings // cores) if siblings and cores else None


def _s390(text: str) -> Cpu:
    values = key_values(text)
    machine = _S390_PROCESSOR.search(text)
    return Cpu(
        model_name=f"IBM machine type {machine[1]}" if machine else None,
        vendor=values["vendor_id"],
        logical_cores=number(values["# processors"]),
        features=linux_features(values.get("features", "").split()),
    )


def _first(listed: list[Block], key: str) -> str | None:
    return next((block[key] for block in listed if block.get(key)), None)
