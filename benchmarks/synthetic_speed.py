"""Whether random weights run at the speed of trained ones: the embedded model against an imitation of it.

    python benchmarks/synthetic_speed.py [--rounds N] [--threads N]

Same process, same threads, in turn; pp512 and tg128. This is what `labkit bench core --dry` rests on.
"""

import argparse
import tempfile
from pathlib import Path

from labkit.bench.core import CoreRunner
from labkit.bench.record import CoreTest
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.synthetic import SyntheticShape, plan_synthetic, write_synthetic
from labkit.gguf import architecture, read_header
from labkit.resources import embedded_model
from paired import Bar, Report, rounds

TESTS = (CoreTest(512, 0), CoreTest(0, 128))
TRAINED, RANDOM = "trained", "random"
BAR = Bar("within", 0.97, 1.03)


def imitate(path: Path, folder: Path) -> Path:
    """A file with the shape of the one at `path`, which must be a small dense Qwen3."""
    shape = architecture(read_header(path))
    imitation = SyntheticShape(
        name="nano",
        architecture=shape.architecture,
        num_layers=shape.num_layers or 0,
        hidden_size=shape.hidden_size or 0,
        ffn_size=shape.ffn_size or 0,
        num_heads=shape.num_heads or 0,
        num_kv_heads=shape.num_kv_heads or 0,
        head_dim=shape.head_dim or 0,
        vocab_size=shape.vocab_size or 0,
        context_tokens=shape.context_tokens or 0,
    )
    return write_synthetic(plan_synthetic(imitation, "Q8_0"), folder / "imitation.gguf")


def main() -> None:
    """Measure, print, write results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    report = Report("synthetic_speed", "random weights against trained ones of the same shape")
    report.settings["threads"] = arguments.threads
    with tempfile.TemporaryDirectory() as folder:
        paths = {RANDOM: imitate(embedded_model(), Path(folder)), TRAINED: embedded_model()}
        measure(report, paths, arguments.rounds, arguments.threads)
    report.finish()


def measure(report: Report, paths: dict[str, Path], count: int, threads: int) -> None:
    """All tests, both models loaded side by side."""
    models = {side: NativeModel(path) for side, path in paths.items()}
    same = models[RANDOM].weight_bytes == models[TRAINED].weight_bytes
    report.require("nano", f"both have {models[TRAINED].weight_bytes} bytes of tensors", same)
    contexts = {
        side: NativeContext(model, context_tokens=1024, batch_tokens=512, ubatch_tokens=512, num_threads=threads)
        for side, model in models.items()
    }
    runners = {side: CoreRunner(models[side], contexts[side]) for side in models}
    for test in TESTS:
        rates: dict[str, list[float]] = {side: [] for side in models}
        for runner in runners.values():
            runner.run(test)
        for _, side in rounds(count, list(models)):
            rates[side].append(1e9 * test.num_tokens / runners[side].run(test))
        report.compare(f"nano, {test.name}", "tokens/s", TRAINED, rates[RANDOM], rates[TRAINED], BAR, us=RANDOM)
    for side, context in contexts.items():
        context.close()
        models[side].close()


if __name__ == "__main__":
    main()
