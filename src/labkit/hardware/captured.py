"""Detection of a captured machine: the same probes and rules over a capture's files instead of this machine."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labkit.hardware.agree import agree, agree_on_values
from labkit.hardware.capture.replay import Capture, open_capture
from labkit.hardware.detect import probe_machine
from labkit.hardware.probes.native import rebuild_command
from labkit.hardware.problems import NO_MEMORY_SIZE, by_severity, find_problems
from labkit.hardware.profile import HardwareProfile, Problem
from labkit.hardware.source import Source
from labkit.hardware.summary import summarize
from labkit.hardware.tiers import tier_rule

_MAX_NAMES = 6


@dataclass(frozen=True, slots=True)
class CapturedMachine:
    """What a capture says. `name`: how the capture was named; `summary`: flat values for scripts."""

    name: str
    profile: HardwareProfile
    summary: dict[str, Any]


def detect_captured(place: Path) -> CapturedMachine:
    """The machine in a folder, archive or file. Raises InputError when there is no capture.

    Nothing of this machine is in the result: no storage, no measurement, no native core but the captured one.
    Several machines in one capture: the facts on which all agree.
    """
    capture = open_capture(place)
    profiles = [_detect(machine) for machine in capture.machines.values()]
    profile = agree(profiles)
    problems = by_severity([*profile.problems, *_notes(capture)])
    summary = agree_on_values([summarize(one) for one in profiles])
    return CapturedMachine(capture.name, replace(profile, problems=problems), summary)


def _detect(machine: Source) -> HardwareProfile:
    profile = probe_machine(machine)
    ruled = [problem for problem in find_problems(profile) if problem.what != NO_MEMORY_SIZE]
    return replace(profile, problems=by_severity([*profile.problems, *ruled, *_assumed(profile), *_missing(profile)]))


def _missing(profile: HardwareProfile) -> list[Problem]:
    """What every whole capture tells and this one does not."""
    cpu = profile.cpu
    parts = {
        "the processor": cpu.model_name or cpu.logical_cores or cpu.performance_cores,
        "the size of memory": profile.memory.physical_bytes,
    }
    missing = " and ".join(name for name, known in parts.items() if not known)
    if not missing:
        return []
    what = f"the capture does not tell {missing}"
    return [Problem("note", what, "on that machine, collect all of it: labkit doctor --bundle machine.zip")]


def _assumed(profile: HardwareProfile) -> list[Problem]:
    """Where no core was captured, the tier supposes one: which, and how to get it."""
    if profile.native_core is not None or profile.tier == "cpu":
        return []
    rule = tier_rule(profile.tier)
    what = f"no native core was captured: the tier is that of a core built for {rule.name}"
    return [Problem("note", what, rebuild_command(rule.build, windows=profile.os.name == "Windows"))]


def _notes(capture: Capture) -> list[Problem]:
    notes: list[Problem] = []
    if len(capture.machines) > 1:
        what = f"the capture holds several machines ({_listed(capture.machines)}): shown is what they agree on"
        notes.append(Problem("note", what, "for one of them, put its files into a folder of their own"))
    if capture.unknown:
        notes.append(Problem("note", f"files that no probe reads: {_listed(capture.unknown)}"))
    if capture.left_out:
        notes.append(Problem("note", f"left out of the capture: {_listed(capture.left_out)}"))
    return notes


def _listed(names: "tuple[str, ...] | dict[str, Any]") -> str:
    shown = [name.encode("ascii", "backslashreplace").decode() for name in list(names)[:_MAX_NAMES]]
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(shown) + more
