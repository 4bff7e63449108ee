"""Predicted against measured peak memory of training on a processor: LoRA, LoRA over packed blocks, full fine-tuning.

    python benchmarks/training_memory.py [--quick] [--again] [--threads N]

Needs transformers and peft beside labkit[tune]. Each configuration trains a randomly initialised model for two steps in
a process of its own. What is compared is the peak over the process that is warm and holds no model, so a large constant
cannot hide an error; the whole, with that constant, stands beside it. `--again` trains only what the results file does
not hold, and predicts everything anew. Not covered: CUDA, Apple silicon, NF4, mixtures of experts.
"""

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from labkit.estimate import TrainingSettings, training_memory
from labkit.estimate.training import RUNTIME_BYTES, BaseType
from labkit.estimate.training_shapes import num_parameters
from labkit.model import LayerMemory, ModelArchitecture
from labkit.units import MIB

RUN = Path(__file__).with_name("training_run.py")
RESULTS = Path(__file__).parent / "results"
Q8_BYTES = 34 / 32
UNDER, OVER = -0.05, 0.25
BASES: tuple[BaseType, ...] = ("f32", "packed")  # bf16 is slow on a processor without it: small cases only
ATTENTION = ("q_proj", "v_proj")


@dataclass(frozen=True, slots=True)
class Shape:
    """A model, in the words of transformers' configurations."""

    architecture: str
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int

    def described(self) -> ModelArchitecture:
        """The same in labkit's."""
        width = self.num_key_value_heads * self.head_dim
        return ModelArchitecture(
            architecture=self.architecture,
            num_layers=self.num_hidden_layers,
            hidden_size=self.hidden_size,
            ffn_size=self.intermediate_size,
            num_heads=self.num_attention_heads,
            num_kv_heads=self.num_key_value_heads,
            head_dim=self.head_dim,
            vocab_size=self.vocab_size,
            tied_embeddings=True,
            layers=(LayerMemory(width, width),) * self.num_hidden_layers,
        )


SHAPES = {
    "llama 5M": Shape("llama", 256, 6, 4, 2, 64, 768, 1024),
    "llama 36M": Shape("llama", 512, 8, 8, 4, 64, 1536, 16000),
    "qwen3 74M": Shape("qwen3", 640, 12, 10, 2, 64, 1920, 32000),
    "llama 135M": Shape("llama", 576, 30, 9, 3, 64, 1536, 49152),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One configuration."""

    shape: str
    settings: TrainingSettings


@dataclass(frozen=True, slots=True)
class Row:
    """A case with its figures; sizes in bytes, without the bare process."""

    shape: str
    setting: str
    predicted: int
    measured: int
    bare: int
    seconds: float
    flops: float
    terms: dict[str, int] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """0.1 is predicted 10 % too much."""
        return self.predicted / self.measured - 1

    @property
    def whole_error(self) -> float:
        """The same with the process: what a user's machine must hold."""
        return (self.predicted + RUNTIME_BYTES["cpu"]) / (self.measured + self.bare) - 1


def cases(*, quick: bool) -> list[Case]:
    """Each base, over rank, micro-batch, sequence length, checkpointing, adapted modules and positions with logits."""
    every: list[tuple[str, dict[str, Any]]] = [
        ("llama 36M", {"rank": 8, "micro_batch": 4, "sequence_tokens": 128}),
        ("llama 36M", {"rank": 8, "micro_batch": 4, "sequence_tokens": 128, "checkpointing": True}),
        ("qwen3 74M", {"rank": 16, "micro_batch": 1, "sequence_tokens": 256, "trained_tokens": 64}),
    ]
    more: list[tuple[str, BaseType, dict[str, Any]]] = [
        ("llama 5M", "f32", {"rank": 8, "micro_batch": 8, "sequence_tokens": 256}),
        ("llama 5M", "packed", {"rank": 8, "micro_batch": 8, "sequence_tokens": 256}),
        ("llama 36M", "f32", {"rank": 8, "micro_batch": 1, "sequence_tokens": 256}),
        ("llama 36M", "f32", {"rank": 64, "micro_batch": 2, "sequence_tokens": 256}),
        ("llama 5M", "bf16", {"rank": 8, "micro_batch": 4, "sequence_tokens": 256}),
        ("llama 5M", "bf16", {"rank": 64, "micro_batch": 4, "sequence_tokens": 256, "checkpointing": True}),
        ("llama 36M", "f32", {"rank": 8, "micro_batch": 1, "sequence_tokens": 512, "target_modules": ATTENTION}),
        ("qwen3 74M", "f32", {"sequence_tokens": 512, "trained_tokens": 512, "logits_chunk_tokens": 64}),
        ("qwen3 74M", "packed", {"rank": 16, "micro_batch": 1, "sequence_tokens": 512}),
        ("llama 135M", "packed", {"sequence_tokens": 256, "trained_tokens": 64}),
        ("llama 135M", "packed", {"sequence_tokens": 256, "checkpointing": True, "trained_tokens": 64}),
        ("llama 36M", "f32", {"rank": 8, "micro_batch": 4, "sequence_tokens": 128, "memory_kept": True}),
        ("qwen3 74M", "packed", {"sequence_tokens": 256, "memory_kept": True}),
    ]
    full = [Case(name, TrainingSettings(base="f32", full=True, **options)) for name, options in every]
    found = [Case(name, TrainingSettings(base=base, **options)) for name, options in every for base in BASES] + full
    return (
        found if quick else found + [Case(name, TrainingSettings(base=base, **options)) for name, base, options in more]
    )


def predict(case: Case, measured: dict[str, Any]) -> Row:
    """A case's estimate beside what was measured."""
    described = SHAPES[case.shape].described()
    estimate = training_memory(described, case.settings, packed_bytes=round(num_parameters(described) * Q8_BYTES))
    return Row(
        case.shape,
        describe(case.settings),
        estimate.total_bytes - estimate.runtime_bytes,
        measured["measured"],
        measured["bare"],
        measured["seconds"],
        estimate.flops,
        estimate.terms,
    )


class Trainer:
    """The process that trains; started when the first case is to be measured."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.process: subprocess.Popen[str] | None = None

    def measure(self, case: Case) -> dict[str, Any]:
        """Train a case: peak bytes over the bare process, bytes of that, seconds of a step."""
        if self.process is None:
            pipe = subprocess.PIPE
            self.process = subprocess.Popen([sys.executable, str(RUN)], stdin=pipe, stdout=pipe, text=True)
        process, plan = self.process, {"shape": asdict(SHAPES[case.shape]), "threads": self.threads}
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(plan | asdict(case.settings)) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"error: {case} ended with {process.wait()}")
        found = json.loads(line)
        return {"measured": found["peak_bytes"], "bare": found["bare_bytes"], "seconds": found["seconds"]}

    def close(self) -> None:
        """End the process, if there is one."""
        if self.process and self.process.stdin:
            self.process.stdin.close()
            self.process.wait()


def kept(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What earlier runs measured with the same libraries, by shape and setting."""
    if not path.exists():
        return {}
    document = json.loads(path.read_text())
    if document["versions"] != versions():
        return {}
    return {(row["shape"], row["setting"]): row for row in document["rows"]}


def describe(settings: TrainingSettings) -> str:
    """The settings in a table's cell."""
    parts = [
        "full f32" if settings.full else f"{settings.base} r{settings.rank}",
        f"{settings.micro_batch}x{settings.sequence_tokens}",
        "q,v only" if settings.target_modules == ATTENTION else "",
        "checkpointing" if settings.checkpointing else "",
        f"{settings.trained_tokens} trained" if settings.trained_tokens else "",
        f"chunks of {settings.logits_chunk_tokens}" if settings.logits_chunk_tokens else "",
        "memory kept" if settings.memory_kept else "",
    ]
    return ", ".join(part for part in parts if part)


def versions() -> dict[str, str]:
    """Of the libraries that train."""
    return {name: version(name) for name in ("torch", "transformers", "peft")}


def summary(rows: list[Row]) -> dict[str, float]:
    """What the bars are about."""
    errors = [row.error for row in rows]
    return {
        "rows": len(rows),
        "median_error": statistics.median(errors),
        "worst_under": min(errors),
        "worst_over": max(errors),
        "worst_whole_under": min(row.whole_error for row in rows),
        "worst_whole_over": max(row.whole_error for row in rows),
    }


def main() -> int:
    """Print a table and the worst figures; 1 when a prediction is too low by more than the bar."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer configurations: figures are for a look only")
    parser.add_argument("--again", action="store_true", help="train only what the results file does not hold")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    path = (RESULTS / "quick" if arguments.quick else RESULTS) / "training_memory.json"
    known = kept(path) if arguments.again else {}
    rows: list[Row] = []
    trainer = Trainer(arguments.threads)
    print(f"{'shape':<11} {'setting':<44} {'predicted':>10} {'measured':>10} {'error':>7} {'with process':>12}")
    for case in cases(quick=arguments.quick):
        measured = known.get((case.shape, describe(case.settings))) or trainer.measure(case)
        row = predict(case, measured)
        rows.append(row)
        sizes = f"{row.predicted / MIB:>6.0f} MiB {row.measured / MIB:>6.0f} MiB"
        print(f"{row.shape:<11} {row.setting:<44} {sizes} {row.error:>+7.1%} {row.whole_error:>+12.1%}", flush=True)
        write(path, rows)
    trainer.close()
    found = summary(rows)
    print(
        f"{found['rows']:.0f} rows: median {found['median_error']:+.1%}, lowest {found['worst_under']:+.1%} "
        f"(bar {UNDER:+.0%}), highest {found['worst_over']:+.1%} (aim {OVER:+.0%}); with the process "
        f"{found['worst_whole_under']:+.1%} to {found['worst_whole_over']:+.1%}"
    )
    return 0 if found["worst_under"] >= UNDER else 1


def write(path: Path, rows: list[Row]) -> None:
    """Keep the figures with what they were measured with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [{**asdict(row), "error": round(row.error, 4), "whole_error": round(row.whole_error, 4)} for row in rows]
    document = {"versions": versions(), "summary": summary(rows), "rows": entries}
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
