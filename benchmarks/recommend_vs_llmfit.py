"""llmfit beside labkit: time of the commands, what each detects here, and the first five recommendations on 6 machines.

    python benchmarks/recommend_vs_llmfit.py [--rounds N]

Prints Markdown. Comments on the picks are written by hand in peers/llmfit_comments.toml, and are shown only while the
pick they are about is still made.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit import __version__
from labkit.hardware import find_profile
from labkit.settings import load_settings
from labkit.units import GIB
from peers.llmfit import VERSION, Pick, ensure_llmfit, options_for, picks, run_json

HERE = "this machine"
MACHINES = (HERE, "raspberry-pi-5-8gb", "laptop-16gb-cpu", "rtx-3060-12gb", "rtx-4090-24gb", "apple-m4-24gb")
COMMENTS = Path(__file__).parent / "peers" / "llmfit_comments.toml"
RESULT = Path(__file__).parent / "results" / "recommend_vs_llmfit.json"
COUNT = 5


def main() -> int:
    """Measure, ask, print and keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    llmfit, labkit = ensure_llmfit(), _labkit()
    times = _times(llmfit, labkit, rounds)
    detected = {"llmfit": run_json(llmfit, "system", "--json")["system"], "labkit": _detected(labkit)}
    recommended = {machine: _recommended(llmfit, labkit, machine) for machine in MACHINES}
    document = {
        "versions": {"llmfit": VERSION, "labkit": __version__},
        "rounds": rounds,
        "seconds": times,
        "detected": detected,
        "recommended": {
            machine: {tool: [asdict(pick) for pick in rows] for tool, rows in both.items()}
            for machine, both in recommended.items()
        },
    }
    print(_markdown(times, detected, recommended, rounds))
    RESULT.write_text(json.dumps(document, indent=1) + "\n")
    return 0


def _labkit() -> Path:
    beside = Path(sys.executable).with_name("labkit")
    found = beside if beside.exists() else shutil.which("labkit")
    if found is None:
        raise SystemExit("error: the labkit command is not installed here")
    return Path(found)


def _times(llmfit: Path, labkit: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Seconds of each command, by turns so that other work disturbs all alike; the first round only warms up."""
    commands = {
        "llmfit system": (llmfit, "system", "--json"),
        "llmfit doctor": (llmfit, "doctor"),
        "llmfit recommend": (llmfit, "recommend", "--json"),
        "labkit doctor --quick": (labkit, "doctor", "--quick", "--json"),
        "labkit recommend": (labkit, "recommend", "--json"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run([str(part) for part in command], check=True, capture_output=True)
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {
        name: {"median": statistics.median(values), "min": min(values), "max": max(values)}
        for name, values in seconds.items()
    }


def _detected(labkit: Path) -> dict[str, Any]:
    found = run_json(labkit, "doctor", "--quick", "--json")
    core = found["native_core"] or {}
    return {
        "cpu": found["cpu"]["model_name"],
        "cores": found["cpu"]["logical_cores"],
        "threads_per_core": found["cpu"]["threads_per_core"],
        "features": found["cpu"]["features"],
        "hypervisor": found["os"]["hypervisor"],
        "container": found["os"]["container"],
        "memory_gib": round((found["memory"]["physical_bytes"] or 0) / GIB, 2),
        "memory_limit_gib": found["memory"]["limit_bytes"] and round(found["memory"]["limit_bytes"] / GIB, 2),
        "budget_gib": round((found["memory"]["budget_bytes"] or 0) / GIB, 2),
        "gpus": [gpu["name"] for gpu in found["gpus"]],
        "core": f"llama-cpp-python {core.get('version')}, {', '.join(core.get('backends') or [])}",
        "problems": [problem["what"] for problem in found["problems"]],
        "facts_with_a_source": len(found["sources"]),
    }


def _recommended(llmfit: Path, labkit: Path, machine: str) -> dict[str, list[Pick]]:
    if machine == HERE:
        return {"llmfit": picks(llmfit, [], COUNT), "labkit": _labkit_picks(labkit, ())}
    profile = find_profile(machine, load_settings())
    with tempfile.TemporaryDirectory() as folder:
        others = picks(llmfit, options_for(profile, machine, Path(folder)), COUNT)
    return {"llmfit": others, "labkit": _labkit_picks(labkit, ("--profile", machine))}


def _labkit_picks(labkit: Path, options: tuple[str, ...]) -> list[Pick]:
    found = run_json(labkit, "recommend", "--json", "--top", str(COUNT), *options)
    return [_pick(row) for row in found["recommendations"]]


def _pick(row: dict[str, Any]) -> Pick:
    slow, fast = row["speed_low_tokens_per_second"], row["speed_high_tokens_per_second"]
    score = row["score"]
    return Pick(
        name=row["model_id"],
        quantization=row["quantization"],
        license=row["license"],
        speed="speed not known" if slow is None else f"{slow:.0f}-{fast:.0f} tok/s",
        runs=f"{row['fit']}, {row['memory_required_bytes'] / 1e9:.1f} GB",
        note=f"{score['benchmark']} {score['value']:g}" if score else "no sourced score",
    )


def _markdown(
    times: dict[str, dict[str, float]],
    detected: dict[str, dict[str, Any]],
    recommended: dict[str, dict[str, list[Pick]]],
    rounds: int,
) -> str:
    comments = tomllib.loads(COMMENTS.read_text(encoding="utf-8"))
    lines = [f"llmfit {VERSION} and labkit {__version__}, on one machine, offline.", ""]
    lines += [f"| command | median of {rounds} | fastest | slowest |", "| --- | --- | --- | --- |"]
    for name, row in times.items():
        lines.append(f"| `{name}` | {row['median']:.2f} s | {row['min']:.2f} s | {row['max']:.2f} s |")
    lines += ["", "| tool | detected here |", "| --- | --- |"]
    for tool, facts in detected.items():
        known = "; ".join(f"{key}: {_text(value)}" for key, value in facts.items() if value not in (None, [], False))
        lines.append(f"| {tool} | {known} |")
    lines += ["", "| machine | tool | pick | file | license | predicted | runs | comment |", "| --- " * 8 + "|"]
    for machine, both in recommended.items():
        for tool, rows in both.items():
            for pick in rows:
                own = comments.get(machine, {}).get(tool, {})
                comment = own.get(pick.name) or comments["any machine"][tool].get(pick.name, "not commented")
                cells = (machine, tool, pick.name, f"{pick.quantization or 'none named'}; {pick.note}")
                more = (pick.license or "none named", pick.speed, pick.runs, comment)
                lines.append(f"| {' | '.join((*cells, *more))} |")
    return "\n".join(lines)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    sys.exit(main())
