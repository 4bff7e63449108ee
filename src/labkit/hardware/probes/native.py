"""The installed native core, asked in a child process: a core that crashes takes only the child with it."""

import json
import signal
from typing import Any

from labkit.hardware.probes.finding import Finding, reported_by
from labkit.hardware.probes.pci import normal_slot
from labkit.hardware.probes.text import first_line
from labkit.hardware.profile import CoreDevice, FactSource, NativeCore, Problem
from labkit.hardware.source import DESCRIBE_CORE, CommandOutput, Source
from labkit.hardware.tiers import build_flag

COMMAND = DESCRIBE_CORE
_TIMEOUT_SECONDS = 30.0
_PACKAGE = "llama-cpp-python"
_REINSTALL = f"pip install --force-reinstall --no-cache-dir {_PACKAGE}"
_BUILD_OPTIONS = {"LLAMAFILE", "OPENMP", "REPACK", "ACCELERATE", "KLEIDIAI", "AARCH64_REPACK"}
_WINDOWS_ILLEGAL_INSTRUCTION = 0xC000001D


def rebuild_command(backend: str, *, windows: bool = False) -> str:
    """What to type to build the core for `backend`, a key of `build_flags` in hardware_profiles/tiers.toml."""
    flag = build_flag(backend)
    if windows:
        return f'$env:CMAKE_ARGS="{flag}"; {_REINSTALL}'
    return f'CMAKE_ARGS="{flag}" {_REINSTALL}'


def probe_native_core(source: Source) -> Finding[NativeCore | None]:
    """The core's version, backends and devices, or why it does not load with the command that mends it.

    None when it could not be asked: a capture without its description.
    """
    output = source.run(COMMAND, timeout_seconds=_TIMEOUT_SECONDS)
    if output is None:
        return Finding(None)
    core = parse_description(output.stdout) if output.succeeded else None
    if core is None:
        core = NativeCore(load_error=_crash(output))
    if core.load_error is None:
        return Finding(core, reported_by(core, "native core"))
    problem = _problem(core.load_error, windows=source.system == "Windows")
    return Finding(core, {"load_error": FactSource("reported", "native core")}, (problem,))


def parse_description(text: str) -> NativeCore | None:
    """From the JSON of `labkit.engine.native.describe`; None when it is not that."""
    # Backends may print while they start (CUDA does): the description is the last line.
    line = text.strip().rpartition("\n")[2]
    try:
        document = json.loads(line)
    except ValueError:
        return None
    if not isinstance(document, dict) or not {"version", "error"} & document.keys():
        return None
    listed = document.get("devices")
    found = [_device(entry) for entry in listed] if isinstance(listed, list) else []
    return NativeCore(
        version=_string(document.get("version")),
        ggml_version=_string(document.get("ggml_version")),
        llama_commit=_string(document.get("commit")),
        backends=_strings(document.get("backends")),
        devices=tuple(device for device in found if device),
        cpu_features=parse_system_info(_string(document.get("system_info"))),
        gpu_offload=offload if isinstance(offload := document.get("gpu_offload"), bool) else None,
        load_error=_string(document.get("error")),
    )


def parse_system_info(text: str | None) -> tuple[str, ...]:
    """CPU instruction sets in use, lower case, from llama.cpp's "CPU : SSE3 = 1 | AVX2 = 1 | ... | CUDA : ..."."""
    section = ""
    features: list[str] = []
    for part in (text or "").split("|"):
        head, found, item = part.rpartition(" : ")
        section = head.strip() if found else section
        name, _, value = (item if found else part).partition("=")
        if section == "CPU" and value.strip() not in ("", "0") and name.strip() not in _BUILD_OPTIONS:
            features.append(name.strip().lower())
    return tuple(features)


def _device(entry: Any) -> CoreDevice | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return None
    return CoreDevice(
        name=entry["name"],
        description=_string(entry.get("description")) or "",
        kind=_string(entry.get("kind")) or "unknown",
        backend=_string(entry.get("backend")) or "unknown",
        free_bytes=_positive(entry.get("free_bytes")),
        total_bytes=_positive(entry.get("total_bytes")),
        pci_address=normal_slot(_string(entry.get("pci_address"))),
    )


def _crash(output: CommandOutput) -> str:
    if output.exit_code is None:
        return f"it did not answer within {_TIMEOUT_SECONDS:.0f} seconds"
    if output.exit_code == _WINDOWS_ILLEGAL_INSTRUCTION:
        return "it crashed with SIGILL while it was loaded"
    if output.exit_code < 0:
        try:
            name = signal.Signals(-output.exit_code).name
        except ValueError:
            name = f"signal {-output.exit_code}"
        return f"it crashed with {name} while it was loaded"
    last = first_line("\n".join(reversed(output.stderr.splitlines())))
    return last or f"its description is not readable (exit code {output.exit_code})"


def _problem(error: str, *, windows: bool) -> Problem:
    if "SIGILL" in error:
        what = f"the native core does not load: {error}; it was built for a processor with other instructions"
        return Problem("error", what, rebuild_command("portable", windows=windows))
    if "No module named 'llama_cpp'" in error:
        return Problem("error", f"{_PACKAGE} is not installed: no model can run", f"pip install {_PACKAGE}")
    return Problem("error", f"the native core does not load: {error}", _REINSTALL)


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _positive(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
