"""What constraints cost: compiling them, masks, and how much of a tool call is forced; hostile ones with --hostile.

    python benchmarks/grammar_cost.py [--rounds N] [--hostile] [--models FILE.gguf ...]

Without --models: the embedded model, and a vocabulary of 151,936 made-up tokens (a model of one tiny layer is written
for it). No model is run: the answer is given, and every mask must allow it. "Prepared" is what the engine's loop waits
for when the mask was computed beside a forward of 5 ms. --hostile compiles every constraint of the tests' list in a
process of its own. Results go to results/grammar_cost.json.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from labkit.chat import Demand, Situation, build_constraint, format_of
from labkit.engine.native.grammar import GrammarCompiler, TokenMask
from labkit.engine.native.model import NativeModel
from labkit.engine.synthetic import SyntheticShape, plan_synthetic, write_synthetic
from labkit.engine.types import Constraint
from labkit.errors import LabkitError
from labkit.resources import embedded_model
from labkit.worker.requests import spelled
from paired import machine_facts

RESULTS = Path(__file__).parent / "results" / "grammar_cost.json"
HOSTILE = Path(__file__).parents[1] / "tests" / "fakes"
FORWARD_SECONDS = 0.005
BIG = SyntheticShape(
    name="vocabulary", architecture="llama", num_layers=1, hidden_size=64, ffn_size=128, num_heads=2, num_kv_heads=2,
    head_dim=32, vocab_size=151_936, context_tokens=512,
)  # fmt: skip
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather_forecast",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "country_code": {"type": "string", "pattern": "^[A-Z]{2}$"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "number_of_days": {"type": "integer", "minimum": 1, "maximum": 14},
                "include": {"type": "array", "items": {"enum": ["wind", "rain", "pressure"]}},
            },
            "required": ["city", "country_code", "unit", "number_of_days", "include"],
            "additionalProperties": False,
        },
    },
}
ANSWER = (
    '<tool_call>{"name": "get_weather_forecast", "arguments": {"city": "Sankt Gallen", "country_code": "CH", '
    '"unit": "celsius", "number_of_days": 5, "include": ["wind", "rain"]}}</tool_call>'
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Costs with one vocabulary; `forced_share` of the answer's tokens are left no choice."""

    model: str
    vocab_size: int
    read_vocabulary_ms: float
    compile_cold_ms: float
    compile_warm_us: float
    mask_median_us: float
    mask_p99_us: float
    prepare_us: float
    apply_prepared_us: float
    apply_prepared_p99_us: float
    accept_us: float
    forced_us: float
    num_tokens: int
    forced_share: float


def tool_call(model: NativeModel) -> Constraint:
    """The constraint of a request with tool_choice "required"."""
    demand = Demand(tools=(TOOL,), tool_choice="required", parallel_tool_calls=False)
    constraint = build_constraint(demand, format_of("<tool_call>"), lambda text: spelled(model, text), Situation())
    assert constraint is not None
    return constraint


def timed(function: Callable[[], object], seconds: list[float]) -> object:
    """The result of `function`; its duration goes to `seconds`."""
    started = time.perf_counter()
    result = function()
    seconds.append(time.perf_counter() - started)
    return result


def walk(model: NativeModel, new_mask: Callable[[], TokenMask], times: dict[str, list[float]]) -> tuple[int, int]:
    """Write the answer under a mask: (its tokens, those that were forced)."""
    mask, rest, total, num_forced = new_mask(), ANSWER.encode(), 0, 0
    logits = np.zeros(model.vocab_size, dtype=np.float32)
    while rest:
        forced = mask.forced_tokens()
        times["forced"].append(0.0)
        started = time.perf_counter()
        mask.forced_tokens()
        times["forced"][-1] = time.perf_counter() - started
        for token in forced or model.tokenize(rest.decode())[:1]:
            logits.fill(0)
            if total % 2:
                timed(mask.prepare, times["prepare"])
                time.sleep(FORWARD_SECONDS)
                timed(lambda: mask.apply(logits), times["prepared"])
            else:
                timed(lambda: mask.apply(logits), times["mask"])
            assert np.isfinite(logits[token]), rest
            timed(lambda token=token: mask.accept(token), times["accept"])
            rest = rest[len(model.piece(token, with_control=True)) :]
            total += 1
            num_forced += bool(forced)
    return total, num_forced


def measure(path: Path, num_rounds: int) -> Cost:
    """All costs with one model's vocabulary."""
    model = NativeModel(path)
    compiler = GrammarCompiler(model)
    constraint = tool_call(model)
    vocabulary: list[float] = []
    cold: list[float] = []
    warm: list[float] = []
    timed(lambda: compiler.compile(Constraint("choice", '["a"]')), vocabulary)
    for number in range(num_rounds):
        other = Constraint(constraint.kind, constraint.text + f"\n// {number}\n")
        timed(lambda other=other: compiler.compile(other), cold)
        timed(lambda other=other: compiler.compile(other), warm)
    times: dict[str, list[float]] = {name: [] for name in ("mask", "prepare", "prepared", "accept", "forced")}
    total = forced = 0
    for _ in range(num_rounds):
        total, forced = walk(model, lambda: compiler.compile(constraint), times)
    compiler.close()
    micro = {name: np.array(values) * 1e6 for name, values in times.items()}
    cost = Cost(
        model=path.stem, vocab_size=model.vocab_size,
        read_vocabulary_ms=vocabulary[0] * 1e3,
        compile_cold_ms=statistics.median(cold) * 1e3, compile_warm_us=statistics.median(warm) * 1e6,
        mask_median_us=float(np.median(micro["mask"])), mask_p99_us=float(np.quantile(micro["mask"], 0.99)),
        prepare_us=float(np.median(micro["prepare"])), apply_prepared_us=float(np.median(micro["prepared"])),
        apply_prepared_p99_us=float(np.quantile(micro["prepared"], 0.99)),
        accept_us=float(np.median(micro["accept"])), forced_us=float(np.median(micro["forced"])),
        num_tokens=total, forced_share=forced / total,
    )  # fmt: skip
    model.close()
    return cost


def attack(name: str) -> dict[str, object]:
    """Compile one hostile constraint here; for a process of its own."""
    sys.path.insert(0, str(HOSTILE))
    from hostile_constraints import ACCEPTED, REFUSED  # pyright: ignore[reportMissingImports]

    model = NativeModel(embedded_model())
    compiler = GrammarCompiler(model)
    compiler.compile(Constraint("json_object"))
    before = peak_bytes()
    started = time.perf_counter()
    try:
        compiler.compile({**REFUSED, **ACCEPTED}[name])
        outcome = "compiled"
    except LabkitError as error:
        outcome = error.message[:70]
    seconds = time.perf_counter() - started
    compiler.close()
    model.close()
    return {"name": name, "ms": seconds * 1e3, "mb": (peak_bytes() - before) / 1e6, "outcome": outcome}


def peak_bytes() -> int:
    """Most memory that this process had; not getrusage, whose figure begins with the parent's. Linux only."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def attacks() -> list[dict[str, object]]:
    """Every hostile constraint, each in a process of its own."""
    sys.path.insert(0, str(HOSTILE))
    from hostile_constraints import ACCEPTED, REFUSED  # pyright: ignore[reportMissingImports]

    rows: list[dict[str, object]] = []
    for name in {**REFUSED, **ACCEPTED}:
        done = subprocess.run([sys.executable, __file__, "--attack", name], capture_output=True, text=True, check=False)
        died = {"name": name, "ms": 0.0, "mb": 0.0, "outcome": f"DIED with {done.returncode}"}
        rows.append(json.loads(done.stdout) if done.returncode == 0 else died)
    return rows


def main() -> int:
    """Measure, print, write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--models", nargs="*", type=Path)
    parser.add_argument("--attack", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.attack:
        print(json.dumps(attack(arguments.attack)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        paths = arguments.models or [
            embedded_model(),
            write_synthetic(plan_synthetic(BIG, "Q8_0"), Path(folder, "synthetic-152k.gguf")),
        ]
        costs = [measure(path, arguments.rounds) for path in paths]
    for name in Cost.__dataclass_fields__:
        values = [getattr(cost, name) for cost in costs]
        shown = (f"{value:.2f}" if isinstance(value, float) else str(value) for value in values)
        print(f"{name:24}" + "".join(f"{value:>20}" for value in shown))
    rows = attacks() if arguments.hostile else []
    for row in sorted(rows, key=lambda row: -float(str(row["ms"]))):
        print(f"{row['ms']:8.1f} ms {row['mb']:7.1f} MB  {row['name']}: {row['outcome']}")
    result = {**machine_facts(), "costs": [asdict(cost) for cost in costs], "hostile": rows}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    return int(any("DIED" in str(row["outcome"]) or float(str(row["ms"])) > 1000 for row in rows))


if __name__ == "__main__":
    sys.exit(main())
