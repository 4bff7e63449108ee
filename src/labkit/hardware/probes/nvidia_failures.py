"""Why NVIDIA's tools list no card, told by their words: a capture has no exit code. Pure."""

import re

from labkit.hardware.probes.text import first_line
from labkit.hardware.profile import Problem
from labkit.hardware.source import CommandOutput

INSTALL = "install the NVIDIA driver (on Ubuntu: sudo ubuntu-drivers install), restart, then check: nvidia-smi"
_IN_WINDOWS = "update the NVIDIA driver in Windows (none is installed inside WSL), then type: wsl --shutdown"
_LEFT_OUT = "so NVIDIA cards are left out"
# What a failing tool prints -> what to do; the first that fits counts. None: depends on where it runs.
_CAUSES: tuple[tuple[str, str | None], ...] = (
    (r"version mismatch", "restart the machine: the driver was updated under it"),
    (r"failed to initialize nvml: unknown error", "in a container: restart it; else restart the machine"),
    (r"failed to initialize nvml: insufficient permissions", "join the group of /dev/nvidia* (video or render)"),
    (r"gpu access blocked by the operating system", None),
    (r"couldn't find libnvidia-ml|libnvidia-ml\.so[.\d]*: cannot open|nvml: nvml shared library not found", None),
    (r"(gpu is lost|fallen off the bus)", "restart the machine, then check: sudo dmesg | grep -i nvrm"),
    (r"couldn't communicate with the nvidia driver|driver not loaded|failed to initialize nvml", None),
    (r"nvidia-smi has failed|nvml error|unable to determine the device handle", None),
    (r"segmentation fault|core dumped|input/output error", None),
)  # fmt: skip
_NO_CARD = re.compile(r"no devices were found|no devices found", re.IGNORECASE)
_NO_TOOL = re.compile(r"command not found|is not recognized as|no such file or directory", re.IGNORECASE)
_LOST = re.compile(
    r"^.*(?:unable to determine the device handle|gpu is lost|fallen off the bus).*$", re.IGNORECASE | re.MULTILINE
)


def explain(output: CommandOutput | None, *, wsl: bool) -> Problem | None:
    """Why an output lists no card; None when it says nothing of a failure, or only that there is no such tool."""
    if output is None:
        return None
    if output.exit_code is None:
        what = f"nvidia-smi did not answer within 10 seconds: the driver hangs, {_LEFT_OUT}"
        return Problem("warning", what, "restart the machine, then check: nvidia-smi")
    text = f"{output.stdout}\n{output.stderr}"
    if _NO_TOOL.search(text) and not _cause(text):
        return None
    if _NO_CARD.search(text):
        what = "the NVIDIA driver is installed and finds no card"
        return Problem("note", what, "if there is one: sudo dmesg | grep -i nvrm")
    cause = _cause(text)
    if cause is None and output.succeeded:
        return None
    said = cause[0] if cause else first_line(output.stdout) or first_line(output.stderr)
    said = said or f"exit code {output.exit_code}"
    fix = (cause[1] if cause else None) or (_IN_WINDOWS if wsl else INSTALL)
    if "version mismatch" in said.lower():
        return Problem("warning", f"nvidia-smi fails: {said}", fix)
    return Problem("warning", f"nvidia-smi is installed and fails, {_LEFT_OUT}: {said}", fix)


def lost_card(output: CommandOutput | None) -> Problem | None:
    """A card that the driver lost while others work."""
    match = _LOST.search(f"{output.stdout}\n{output.stderr}") if output else None
    if match is None:
        return None
    what = f"the driver lost a card, which is left out: {first_line(match[0])}"
    return Problem("warning", what, "restart the machine, then check: sudo dmesg | grep -i nvrm")


def _cause(text: str) -> tuple[str, str | None] | None:
    """The line that tells, and its own remedy."""
    for pattern, fix in _CAUSES:
        match = re.search(pattern, text, re.IGNORECASE)
        if match:
            line = text[text.rfind("\n", 0, match.start()) + 1 :]
            return first_line(line), fix
    return None
