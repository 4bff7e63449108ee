"""Predicted against measured speed, on shapes that the calibration has never seen.

    python benchmarks/speed_prediction.py [--quick] [--threads N] [--shapes NAME,...] [--folder DIR]

Calibrates, writes each shape in two quantizations with random weights, measures decode, decode behind 1,024 tokens and
prefill, and calibrates again between the shapes. Each figure is held against two predictions: from the one calibration
before everything, which is what a user has, and from the two calibrations around it, which leaves the machine's drift
out and shows the error of the model itself. Two more comparisons belong to `labkit bench core --dry`: the same model
measured through it and as a plain file, and a mixture's decode with changing and with repeated tokens, which send it
to other experts or to the same ones. Every file is deleted after its turn: 4 GB at once are the most.
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from labkit.bench.calibration_run import CalibrationTask, run_calibration
from labkit.bench.core import CoreBench, CoreRunner, run_core_bench
from labkit.bench.dry import find_dry_model, write_dry_model
from labkit.bench.record import CoreTest
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.native.threads import OtherPrograms, usable_cores
from labkit.engine.synthetic import ExpertShape, RecurrentShape, SyntheticShape, plan_synthetic, write_synthetic
from labkit.estimate import Machine, Speed, Weights, predict_decode, predict_prefill, weights_of_file
from labkit.gguf import file_facts, read_header
from labkit.hardware.calibration import DeviceCalibration, TypeRate
from labkit.hardware.probes.cpu import probe_cpu
from labkit.hardware.source import SystemSource
from labkit.model import ModelArchitecture
from labkit.settings import Settings
from paired import Bar, Report

QUANTIZATIONS = ("Q4_K_M", "Q8_0")
GENERATED, PROMPT, DEPTH = 8, 128, 1024
DEEP_GENERATED = 24
MOST_DEEP_BYTES = 900_000_000  # filling the cache of larger ones takes too long
SHAPES_PER_CALIBRATION = 3
DISTURBING_CORES, MOST_ATTEMPTS = 0.3, 3
MEDIAN_BAR, WORST_BAR = 0.10, 0.25
DRY_BAR = Bar("within", 0.95, 1.05)


def _qwen(name: str, layers: int, hidden: int, ffn: int, heads: int, kv: int, dim: int, **more: object):
    fields: dict[str, object] = {"vocab_size": 151936, "context_tokens": 8192, "architecture": "qwen3"} | more
    return SyntheticShape(
        name=name, num_layers=layers, hidden_size=hidden, ffn_size=ffn, num_heads=heads, num_kv_heads=kv, head_dim=dim,
        **fields,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip


SHAPES = (
    _qwen("dense 0.3B", 32, 960, 2560, 15, 5, 64, architecture="llama", vocab_size=49152),
    _qwen("dense 0.5B", 24, 896, 4864, 14, 2, 64, architecture="qwen2"),
    _qwen("sliding 1B", 26, 1152, 6912, 4, 1, 256, architecture="gemma3", vocab_size=262144,
          window_tokens=512, global_every=6),
    _qwen("dense 1B", 16, 2048, 8192, 32, 8, 64, architecture="llama", vocab_size=128256),
    _qwen("MoE 2.6B-A0.6B", 16, 2048, 6144, 32, 4, 128, architecture="qwen3moe", experts=ExpertShape(32, 4, 768)),
    _qwen("delta net 1B", 24, 1280, 4352, 8, 2, 256, architecture="qwen35", rope_dim=64,
          recurrent=RecurrentShape(4, tuple(range(3, 24, 4)), 2048, 128, 16, 16)),
    _qwen("Mamba-2 1B", 28, 1536, 4096, 12, 4, 128, architecture="granitehybrid", vocab_size=100352,
          recurrent=RecurrentShape(4, (5, 15, 25), 3072, 128, 1, 48)),
    _qwen("short-conv 1B", 16, 2048, 8192, 32, 8, 64, architecture="lfm2", vocab_size=65536,
          recurrent=RecurrentShape(3, (2, 5, 8, 10, 12, 14))),
    _qwen("dense 3B", 28, 3072, 8192, 24, 8, 128, architecture="llama", vocab_size=128256),
)  # fmt: skip
QUICK = ("dense 0.3B", "dense 0.5B", "sliding 1B")


@dataclass(frozen=True, slots=True)
class Measured:
    """One file, measured. Rates in tokens per second; None where it was not measured."""

    shape: str
    quantization: str
    architecture: ModelArchitecture
    weights: Weights
    decode: float
    prefill: float
    deep: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rate and what was predicted of it."""

    what: str
    measured: float
    first: Speed
    around: Speed

    @property
    def error(self) -> float:
        """Of the prediction from the first calibration: 0.1 is 10 % too fast."""
        return (self.first.likely or 0) / self.measured - 1

    @property
    def model_error(self) -> float:
        """Of the prediction from the calibrations around it."""
        return (self.around.likely or 0) / self.measured - 1

    @property
    def is_covered(self) -> bool:
        """Whether the first prediction's range holds the rate."""
        return self.first.low <= self.measured <= self.first.high


def calibrate(threads: int, folder: Path) -> DeviceCalibration:
    """As `labkit doctor` does it, in this process; once more when others were at work."""
    cache = probe_cpu(SystemSource()).value.last_level_cache_bytes
    found, busy = [], []
    for _ in range(MOST_ATTEMPTS):
        print("  calibrating        ", end="\r", file=sys.stderr, flush=True)
        others = OtherPrograms()
        found.append(run_calibration(CalibrationTask("CPU", threads, 0, cache, str(folder), 11.0)))
        busy.append(others.busy_cores())
        if busy[-1] < DISTURBING_CORES:
            break
    return found[busy.index(min(busy))]


def measure(shape: SyntheticShape, quantization: str, threads: int, folder: Path, repetitions: int) -> Measured:
    """Write, measure (once more when others were at work), delete."""
    print(f"  {shape.name} {quantization}        ", end="\r", file=sys.stderr, flush=True)
    path = write_synthetic(plan_synthetic(shape, quantization), folder / "model.gguf")
    facts = file_facts(read_header(path))
    is_deep = facts.weight_bytes < MOST_DEEP_BYTES
    model = NativeModel(path, gpu_layers=0)
    context = NativeContext(model, context_tokens=DEPTH + 2 * PROMPT, batch_tokens=512, num_threads=threads)
    runner = CoreRunner(model, context)
    runner.run(CoreTest(PROMPT, 1))
    # Many short runs and their median: others disturb single ones.
    decode, prefill = CoreTest(0, GENERATED), CoreTest(PROMPT, 0)
    rates = {
        "decode": _undisturbed(lambda: statistics.median(_rate(runner, decode) for _ in range(2 * repetitions + 1))),
        "prefill": _undisturbed(lambda: statistics.median(_rate(runner, prefill) for _ in range(repetitions))),
    }
    deep = _undisturbed(lambda: _deep_rate(model, context)) if is_deep else None
    context.close()
    model.close()
    path.unlink()
    weights = weights_of_file(facts)
    return Measured(shape.name, quantization, facts.architecture, weights, rates["decode"], rates["prefill"], deep)


def _undisturbed(rate: Callable[[], float]) -> float:
    """The rate while others leave the cores alone, or the best of some attempts."""
    rates = []
    for _ in range(MOST_ATTEMPTS):
        others = OtherPrograms()
        rates.append(rate())
        if others.busy_cores() < DISTURBING_CORES:
            return rates[-1]
    return max(rates)


def _deep_rate(model: NativeModel, context: NativeContext) -> float:
    """Median over single tokens: to fill the cache once takes long enough."""
    tokens = np.random.default_rng(0).integers(0, model.vocab_size, DEPTH + DEEP_GENERATED, dtype=np.int32)
    context.clear()
    for start in range(0, DEPTH, context.batch_tokens):
        context.forward_tokens(tokens[start : min(start + context.batch_tokens, DEPTH)], start)
    context.synchronize()
    seconds = []
    for position in range(DEPTH, DEPTH + DEEP_GENERATED):
        before = time.perf_counter()
        context.forward_token(int(tokens[position]), position)
        context.synchronize()
        seconds.append(time.perf_counter() - before)
    return 1 / statistics.median(seconds)


def _rate(runner: CoreRunner, test: CoreTest) -> float:
    return 1e9 * test.num_tokens / runner.run(test)


def outcomes(found: Measured, first: DeviceCalibration, around: DeviceCalibration) -> Iterator[Outcome]:
    """Every rate of one file with its predictions."""
    machines = [Machine(None, calibration=calibration) for calibration in (first, around)]
    for name, rate, depth in (("decode", found.decode, 0), (f"decode @{DEPTH}", found.deep, DEPTH)):
        if rate is not None:
            at = depth + (DEEP_GENERATED if depth else GENERATED) / 2
            speeds = [predict_decode(found.architecture, found.weights, machine, depth=at) for machine in machines]
            yield _outcome(name, rate, speeds)
    speeds = [predict_prefill(found.architecture, found.weights, machine, PROMPT) for machine in machines]
    yield _outcome("prefill", found.prefill, speeds)


def _outcome(name: str, rate: float, speeds: list[Speed | None]) -> Outcome:
    first, around = speeds
    if first is None or around is None:
        raise AssertionError("a calibrated machine has a prediction")
    return Outcome(name, rate, first, around)


def mean_of(one: DeviceCalibration, other: DeviceCalibration) -> DeviceCalibration:
    """Rates and costs half way between two calibrations."""

    def rate(mine: TypeRate) -> TypeRate:
        theirs = other.rate(mine.tensor_type) or mine
        operations = math.sqrt((mine.operations_per_second or 1) * (theirs.operations_per_second or 1))
        return TypeRate(mine.tensor_type, math.sqrt(mine.bytes_per_second * theirs.bytes_per_second), operations)

    def middle(first: object, second: object) -> object:
        values = {
            name: (getattr(first, name) + getattr(second, name)) / 2
            for name in first.__slots__  # pyright: ignore[reportAttributeAccessIssue]
            if isinstance(getattr(first, name), float)
        }
        return replace(first, **values)  # pyright: ignore[reportArgumentType]

    layers = tuple(middle(layer, other.layer(layer.kind) or layer) for layer in one.layers)
    attention = middle(one.attention, other.attention)
    return replace(one, rates=tuple(map(rate, one.rates)), layers=layers, attention=attention)  # pyright: ignore[reportArgumentType]


def drift(one: DeviceCalibration, other: DeviceCalibration) -> float:
    """Largest change of an essential type's rate between two calibrations."""
    pairs = [(rate.bytes_per_second, other.rate(rate.tensor_type)) for rate in one.rates[:3]]
    return max(abs(math.log(mine / theirs.bytes_per_second)) for mine, theirs in pairs if theirs)


def compare_shapes(report: Report, names: tuple[str, ...], threads: int, folder: Path, repetitions: int) -> None:
    """The main table."""
    first = before = calibrate(threads, folder)
    shapes = [shape for shape in SHAPES if shape.name in names]
    found: list[tuple[Measured, Outcome]] = []
    drifts = []
    for start in range(0, len(shapes), SHAPES_PER_CALIBRATION):
        group = [
            measure(shape, quantization, threads, folder, repetitions)
            for shape in shapes[start : start + SHAPES_PER_CALIBRATION]
            for quantization in QUANTIZATIONS
        ]
        after = calibrate(threads, folder)
        drifts.append(drift(before, after))
        around = mean_of(before, after)
        found += [(one, outcome) for one in group for outcome in outcomes(one, first, around)]
        before = after
    print_outcomes(found)
    report.settings["drift_between_calibrations"] = [round(value, 3) for value in drifts]
    report.settings["outcomes"] = [as_row(*pair) for pair in found]
    report.note(f"calibrations that followed each other differed by up to {max(drifts):.0%}")
    judge(report, found)


def print_outcomes(found: list[tuple[Measured, Outcome]]) -> None:
    """One line for each rate."""
    print(f"\n  {'shape':16} {'':7} {'':13} {'measured':>9} {'predicted':>9} {'error':>7} {'of model':>8}  range")
    for one, outcome in found:
        speed = outcome.first
        inside = "" if outcome.is_covered else "  OUTSIDE"
        print(
            f"  {one.shape:16} {one.quantization:7} {outcome.what:13} {outcome.measured:9.2f} {speed.likely or 0:9.2f} "
            f"{outcome.error:+7.1%} {outcome.model_error:+8.1%}  {speed.low:.1f}-{speed.high:.1f}{inside}"
        )


def as_row(one: Measured, outcome: Outcome) -> dict[str, object]:
    """For results."""
    speed = outcome.first
    return {
        "shape": one.shape, "quantization": one.quantization, "what": outcome.what,
        "measured": round(outcome.measured, 3), "predicted": round(speed.likely or 0, 3),
        "low": round(speed.low, 3), "high": round(speed.high, 3), "confidence": speed.confidence,
        "error": round(outcome.error, 4), "model_error": round(outcome.model_error, 4),
    }  # fmt: skip


def judge(report: Report, found: list[tuple[Measured, Outcome]]) -> None:
    """Bars on decode with an empty cache; everything else is reported."""
    for what in ("decode", f"decode @{DEPTH}", "prefill"):
        chosen = [outcome for _, outcome in found if outcome.what == what]
        if not chosen:
            continue
        first, around = ([abs(one.error) for one in chosen], [abs(one.model_error) for one in chosen])
        if what == "decode":
            holds = statistics.median(first) <= MEDIAN_BAR and max(first) <= WORST_BAR
            report.require(what, f"{_errors(first)} (bars 10 % and 25 %)", holds)
        else:
            report.note(f"{what}: {_errors(first)}; no bar")
        report.note(f"{what}, by the calibrations around it: {_errors(around)}")
        covered = sum(outcome.is_covered for outcome in chosen)
        report.note(f"{what}: {covered} of {len(chosen)} rates lie in the predicted range")


def _errors(errors: list[float]) -> str:
    return f"median error {statistics.median(errors):.1%}, worst {max(errors):.1%} of {len(errors)}"


def compare_dry(report: Report, threads: int, folder: Path, repetitions: int) -> None:
    """A catalogue model through `bench core --dry`'s own functions, and as a plain synthetic file, in turn."""
    dry = find_dry_model("smollm2-135m-instruct:Q8_0", Settings(folder))
    imitation, plain = write_dry_model(dry), write_synthetic(dry.plan, folder / "plain.gguf")
    report.require(
        "bench --dry", "its file has the bytes of the plain one", imitation.read_bytes() == plain.read_bytes()
    )
    bench = CoreBench((CoreTest(0, 32),), repetitions=1, num_threads=threads, gpu_layers=0)
    rates: dict[Path, list[float]] = {imitation: [], plain: []}
    for _ in range(5 * repetitions):
        for path, values in rates.items():
            values.append(_undisturbed(lambda path=path: next(run_core_bench(path, bench)).tokens_per_second))
    report.compare("bench --dry, tg32", "tokens/s", "plain file", rates[imitation], rates[plain], DRY_BAR, us="dry")


def compare_routing(report: Report, threads: int, folder: Path, repetitions: int) -> None:
    """A mixture reads the same number of bytes whichever experts it chooses: only caches can tell the difference."""
    shape = next(shape for shape in SHAPES if shape.experts)
    path = write_synthetic(plan_synthetic(shape, "Q4_K_M"), folder / "routing.gguf")
    model = NativeModel(path, gpu_layers=0)
    context = NativeContext(model, context_tokens=256, batch_tokens=64, num_threads=threads)
    rates: dict[str, list[float]] = {"changing": [], "repeated": []}
    rng = np.random.default_rng(0)
    for _ in range(3 * repetitions):
        for name, values in rates.items():
            tokens = rng.integers(0, model.vocab_size, 32).tolist() if name == "changing" else [7] * 32
            values.append(_undisturbed(lambda tokens=tokens: _token_rate(context, tokens)))
    context.close()
    model.close()
    path.unlink()
    report.compare(
        f"routing, {shape.name}", "tokens/s", "repeated tokens", rates["changing"], rates["repeated"], us="changing"
    )


def _token_rate(context: NativeContext, tokens: list[int]) -> float:
    context.clear()
    start = time.perf_counter()
    for position, token in enumerate(tokens):
        context.forward_token(token, position)
        context.synchronize()
    return len(tokens) / (time.perf_counter() - start)


def main() -> None:
    """Measure, print, write results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three small shapes, no routing")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--shapes", help="names with commas; all when left out")
    parser.add_argument("--folder", type=Path, help="where the files are written; needs 4 GB")
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    everything = QUICK if arguments.quick else tuple(shape.name for shape in SHAPES)
    names: tuple[str, ...] = tuple(arguments.shapes.split(",")) if arguments.shapes else everything
    if unknown := set(names) - {shape.name for shape in SHAPES}:
        parser.error(f"no shape {', '.join(unknown)}; there are: {', '.join(shape.name for shape in SHAPES)}")
    partial = arguments.quick or bool(arguments.shapes)
    report = Report("speed_prediction", "predicted speed after calibration against measured", quick=partial)
    report.settings["threads"] = arguments.threads
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        compare_shapes(report, names, arguments.threads, folder, arguments.repetitions)
        compare_dry(report, arguments.threads, folder, arguments.repetitions)
        if not partial:
            compare_routing(report, arguments.threads, folder, arguments.repetitions)
    report.settings["seconds"] = round(time.monotonic() - started)
    report.finish()


if __name__ == "__main__":
    main()
