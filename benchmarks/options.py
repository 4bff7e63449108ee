"""The command line that all these benchmarks share, and the models that they run on."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labkit.bench import find_dry_model, write_dry_model
from labkit.engine.synthetic import write_synthetic
from labkit.engine.synthetic.tensors import TensorPlan
from labkit.resources import embedded_model
from labkit.settings import load_settings

# Catalogue names of models with the tensor shapes that the figures are about.
SHAPES = {"0.5B": "qwen2.5-0.5b-instruct:Q4_K_M", "1B": "llama-3.2-1b-instruct:Q4_K_M"}


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked for.

    Attributes:
        models: (name in tables, file).
        quick: fewer rounds and less work in each, for a look.
    """

    models: tuple[tuple[str, Path], ...]
    rounds: int
    quick: bool


def parse_options(doc: str | None, *, rounds: int, models: Sequence[str], quick_rounds: int = 1) -> Options:
    """Options of a benchmark whose defaults are `rounds` and `models`."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="a short run: figures are for a look only")
    parser.add_argument("--models", default=",".join(models), help="of nano, 0.5B, 1B, or paths of .gguf files")
    arguments = parser.parse_args()
    default = quick_rounds if arguments.quick else rounds
    names = arguments.models.split(",")
    chosen = tuple((name if name in ("nano", *SHAPES) else Path(name).stem, find_model(name)) for name in names)
    return Options(chosen, arguments.rounds or default, arguments.quick)


def echo_model(name: str) -> Path:
    """A model of that shape whose greedy answer repeats one token for ever, at the cost of any other of its shape.

    Its blocks add next to nothing to the embedding that goes through them, and the head is the embedding's own, so
    the last token is the most probable one. It is as repetitive as text can be.
    """
    settings = load_settings()
    dry = find_dry_model(SHAPES[name], settings)
    path = settings.synthetic_folder / f"{dry.path.stem}-echo.gguf"
    if not path.is_file():
        tensors = tuple((_quiet(tensor), kind) for tensor, kind in dry.plan.tensors)
        write_synthetic(replace(dry.plan, tensors=tensors), path)
    return path


def _quiet(tensor: TensorPlan) -> TensorPlan:
    """Matrices that write to the residual stream, a thousand times weaker."""
    writes = tensor.name.endswith(("attn_output.weight", "ffn_down.weight"))
    return replace(tensor, deviation=tensor.deviation / 1000) if writes else tensor


def find_model(name: str) -> Path:
    """The embedded model, a synthetic one of a shape (written when it is missing), or a file."""
    if name == "nano":
        return embedded_model()
    if name in SHAPES:
        return write_dry_model(find_dry_model(SHAPES[name], load_settings()))
    return Path(name)
