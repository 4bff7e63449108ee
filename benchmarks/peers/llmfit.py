"""llmfit (MIT, https://github.com/AlexsJones/llmfit): installed into a place of its own, and asked about a machine.

Nothing but its wheel comes over the network; its commands used here read a database inside the program.
"""

import json
import math
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.hardware import HardwareProfile
from labkit.units import GIB

VERSION = "1.1.17"
HOME = Path(__file__).parent / ".build" / f"llmfit-{VERSION}"


@dataclass(frozen=True, slots=True)
class Pick:
    """A model that a tool recommends. Unknown is None.

    Attributes:
        quantization: None where the tool names none.
        speed: what it predicts, in words.
        runs: how it would run it.
        note: what is known of the file: who uploaded it, where a GGUF file is.
    """

    name: str
    quantization: str | None
    license: str | None
    speed: str
    runs: str
    note: str


def ensure_llmfit() -> Path:
    """The program; installed first where it is missing. Raises CalledProcessError when that fails."""
    scripts = HOME / ("Scripts" if os.name == "nt" else "bin")
    program = scripts / ("llmfit.exe" if os.name == "nt" else "llmfit")
    if not program.exists():
        venv.create(HOME, with_pip=True)
        pip = [str(scripts / "python"), "-m", "pip", "install", "--quiet", f"llmfit=={VERSION}"]
        subprocess.run(pip, check=True, stdout=sys.stderr)
    return program


def run_json(program: Path, *arguments: str) -> dict[str, Any]:
    """What a command prints as JSON."""
    done = subprocess.run([str(program), *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def options_for(profile: HardwareProfile, name: str, folder: Path) -> list[str]:
    """llmfit's global options for another machine; for one with unified memory a profile file in `folder`.

    Its options state sizes only: a card given by --memory has no bandwidth, and a profile file cannot give a card to a
    machine without one.
    """
    ram = math.ceil((profile.memory.physical_bytes or 0) / GIB)
    cores = profile.cpu.logical_cores or 1
    gpu = profile.gpus[0] if profile.gpus else None
    if gpu and gpu.unified:
        rate = (gpu.peak_bandwidth_bytes_per_second or 0) / 1e9
        hardware = {
            "ddr_bandwidth_gbps": rate,
            "gpu_memory_bandwidth_gbps": rate,
            "total_ram_gb": float(ram),
            "unified_memory": True,
        }
        match = {"gpu_name_contains": gpu.name}
        document = {"schema_version": 1, "name": name, "match": match, "hardware": hardware}
        path = folder / f"{name}.json"
        path.write_text(json.dumps(document))
        return ["--profile", str(path)]
    card = ["--memory", f"{math.ceil((gpu.memory_bytes or 0) / GIB)}G"] if gpu else []
    return [*card, "--ram", f"{ram}G", "--cpu-cores", str(cores)]


def picks(program: Path, options: list[str], count: int) -> list[Pick]:
    """Its first recommendations."""
    found = run_json(program, *options, "recommend", "--json", "-n", str(count))
    return [_pick(row) for row in found["models"]]


def _pick(row: dict[str, Any]) -> Pick:
    sources = [source["repo"] for source in row.get("gguf_sources") or []]
    return Pick(
        name=row["name"],
        quantization=row.get("best_quant"),
        license=row.get("license"),
        speed=f"{row['estimated_tps']:g} tok/s",
        runs=f"{row['run_mode']}, {row['memory_required_gb']:g} GB",
        note=_file(row["name"], sources),
    )


def _file(name: str, sources: list[str]) -> str:
    if sources:
        return f"GGUF: {sources[0]}"
    return "a GGUF repository" if name.casefold().endswith("gguf") else "names no GGUF file"
