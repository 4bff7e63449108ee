"""Where a model goes on a card that is too small for it: labkit's plan beside llama.cpp's own `fit`, case by case.

    python benchmarks/placement_vs_fit.py [--shapes NAME ...] [--source FOLDER] [--save | --saved]

`llama-fit-params` of the installed core's version runs on made-up cards (peers/cards.py) with sparse files of real
models' sizes. Beside it: the same steps over the native core's sizing of the same cards, the same steps over labkit's
formulas from the header alone, and what labkit would do by itself (it checks the system's memory, keeps a margin of its
own, and stores the cache as q8_0 before it shortens the context), which may differ on purpose.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from labkit.engine.synthetic import plan_synthetic, write_sparse
from labkit.estimate import ContextSettings, Device, Machine, Placement, place, weights_of_file
from labkit.estimate.devices import DealtModel, DeviceBytes, LayerSplit
from labkit.estimate.fit import FitRequest, Fitted, Measure, fit
from labkit.estimate.tensor_overrides import tensor_overrides
from labkit.gguf import FileFacts, file_facts, read_header
from labkit.units import GIB
from peers.build import PeerError
from peers.cards import cards
from peers.fit_params import FitAnswer, ensure_fit_params, fit_params, libraries_of
from peers.native_cards import sizer_on_cards
from synthetic_models import SHAPES

RESULT = Path(__file__).parent / "results" / "placement_vs_fit.json"
CARDS: tuple[tuple[int, ...], ...] = ((4,), (8,), (12,), (24,), (12, 8))
RAM_BYTES = 256 * GIB
SHOWN = (
    "llama-3.2-1b-instruct", "llama-3.1-8b-instruct", "llama-3.3-70b-instruct", "qwen3-8b", "phi-4", "gemma-3-27b-it",
    "gemma-4-e4b-it", "gemma-4-26b-a4b-it", "gemma-4-31b-it", "qwen3-30b-a3b", "gpt-oss-20b", "gpt-oss-120b",
    "qwen3.5-9b", "qwen3.5-27b", "qwen3.5-35b-a3b", "granite-4.0-h-tiny", "granite-4.0-h-small", "lfm2.5-8b-a1b",
    "glm-4.7-flash", "deepseek-v3", "qwen3-next-80b-a3b",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One model on one set of cards: four decisions, in one form."""

    model: str
    cards_gib: tuple[int, ...]
    theirs: FitAnswer
    native: FitAnswer
    formulas: FitAnswer
    own: str


def decide(facts: FileFacts, free_bytes: Sequence[int], measure: Measure) -> FitAnswer:
    """llama.cpp's steps over this measure, in the form of its answer."""
    shape, weights = facts.architecture, facts.weights_by_layer
    num_layers = len(weights.layers) - weights.num_unused
    request = FitRequest(num_layers, shape.context_tokens or 4096, bool(shape.experts), tuple(free_bytes))
    return answer_of(fit(request, measure), num_layers)


def answer_of(fitted: Fitted, num_layers: int) -> FitAnswer:
    """A plan as llama-fit-params would print it."""
    if fitted.split is None:
        return FitAnswer(fitted.context_tokens, -1)
    shares = fitted.split.shares
    partial: list[tuple[int, str, str]] = []
    number = num_layers + 1 - fitted.split.gpu_layers
    for share in shares:
        number += share.num_full
        for offset in range(share.num_partial):
            first = offset == 0
            place_of_rest = "RPC" if first and share.overflows_to_next else "CPU"
            partial.append((number + offset, share.overflow if first else "experts", place_of_rest))
        number += share.num_partial
    counts = tuple(share.num_layers for share in shares) if len(shares) > 1 else ()
    return FitAnswer(fitted.context_tokens, fitted.split.gpu_layers, counts, tuple(partial))


def formulas(facts: FileFacts, free_bytes: Sequence[int]) -> Measure:
    """From the header alone."""
    model = DealtModel(facts.architecture, facts.weights_by_layer)

    def measure(tokens: int, split: LayerSplit | None) -> Sequence[DeviceBytes]:
        return model.sizes(ContextSettings(tokens), split, free_bytes)[0]

    return measure


def natively(size: Callable[..., list[dict]], facts: FileFacts, num_cards: int) -> Measure:
    """From the native core, which knows the cards."""
    names = [f"RPC{number}" for number in range(num_cards)]
    num_layers = len(facts.weights_by_layer.layers) - facts.weights_by_layer.num_unused

    def measure(tokens: int, split: LayerSplit | None) -> Sequence[DeviceBytes]:
        counted = split is not None and not split.experts_in_ram
        placement = {
            "gpu_layers": split.gpu_layers if split and counted else -1,
            "overrides": tensor_overrides(split, num_layers, names),
            "tensor_split": [share.num_layers for share in split.shares] if split and counted and num_cards > 1 else [],
        }
        uses = size(placement, {"context_tokens": tokens})
        found = {name: [use for use in uses if use["device"] == name] for name in names}
        keys = ("model_bytes", "context_bytes", "compute_bytes")
        return [DeviceBytes(*(sum(use[key] for use in found[name]) for key in keys)) for name in names]

    return measure


def own_plan(facts: FileFacts, free_bytes: Sequence[int]) -> Placement | None:
    """What labkit does by itself with such cards and the context that a person starts with."""
    devices = tuple(Device(f"card {number}", "other", size) for number, size in enumerate(free_bytes))
    machine = Machine(RAM_BYTES, devices=tuple(sorted(devices, key=lambda device: -device.budget_bytes)))
    return place(facts.architecture, weights_of_file(facts), machine, ContextSettings(8192, num_outputs=1))


def run_case(folder: Path, path: Path, name: str, sizes_gib: tuple[int, ...]) -> Case:
    """All four decisions."""
    free = [size * GIB for size in sizes_gib]
    facts = file_facts(read_header(path))
    theirs = fit_params(folder, path, free)
    with libraries_of(folder), cards(free) as address, sizer_on_cards(path, address) as sizer:
        native = decide(facts, free, natively(sizer.size, facts, len(free)))
    plan = own_plan(facts, free)
    return Case(
        name, sizes_gib, theirs, native, decide(facts, free, formulas(facts, free)), describe(plan) if plan else "?"
    )


def again(case: Case, path: Path) -> Case:
    """A kept case with what formulas and labkit's own plan say now."""
    free = [size * GIB for size in case.cards_gib]
    facts = file_facts(read_header(path))
    plan = own_plan(facts, free)
    return replace(case, formulas=decide(facts, free, formulas(facts, free)), own=describe(plan) if plan else "?")


def load_kept(path: Path = RESULT) -> dict[tuple[str, tuple[int, ...]], Case]:
    """Cases that an earlier run kept."""
    cases = TypeAdapter(list[Case]).validate_python(json.loads(path.read_text(encoding="utf-8"))["cases"])
    return {(case.model, case.cards_gib): case for case in cases}


def describe(plan: Placement) -> str:
    """Our own plan in words."""
    return f"{plan.fit}, {plan.context.context_tokens} tokens, {plan.context.kv_type}"


def render(answer: FitAnswer) -> str:
    """One decision in a few characters: context, layers, shares, partial layers and what is left of the first."""
    layers = "all" if answer.gpu_layers < 0 else str(answer.gpu_layers)
    split = "/".join(map(str, answer.shares))
    partial = f" {len(answer.partial)} partial, first {answer.partial[0][1]}" if answer.partial else ""
    return f"{answer.context_tokens} {layers}{' ' + split if split else ''}{partial}"


def report(case: Case) -> None:
    """One line; what differs is spelled out below it."""
    sizes = "+".join(map(str, case.cards_gib))
    same = [case.native == case.theirs, case.formulas == case.theirs]
    marks = " ".join("=" if equal else "x" for equal in same)
    print(f"{case.model:24} {sizes:>5} GiB  {marks}  {render(case.theirs):44} | {case.own}", flush=True)
    for label, equal, answer in zip(("native", "formulas"), same, (case.native, case.formulas), strict=True):
        if not equal:
            print(f"{'':34} {label}: {render(answer)}")


def main() -> int:
    """Print the table and how many decisions are equal; 1 when one over the native sizing is not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=list(SHOWN), choices=list(SHAPES))
    parser.add_argument("--source", type=Path, help="an unpacked llama.cpp of the same version")
    parser.add_argument("--save", action="store_true", help=f"write {RESULT.name}")
    parser.add_argument("--saved", action="store_true", help=f"judge the formulas by {RESULT.name}, run no fit")
    arguments = parser.parse_args()
    kept = load_kept() if arguments.saved else {}
    try:
        folder = RESULT if arguments.saved else ensure_fit_params(source=arguments.source)
    except PeerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("columns: native sizing and formulas equal llama.cpp's fit (=) or not (x); its answer; labkit's own plan")
    found: list[Case] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.shapes:
            path = write_sparse(plan_synthetic(SHAPES[name], "Q4_K_M"), Path(scratch) / f"{name}.gguf")
            for sizes in CARDS:
                case = kept.get((name, sizes))
                if case is None and arguments.saved:
                    continue
                found.append(again(case, path) if case else run_case(folder, path, name, sizes))
                report(found[-1])
            path.unlink()
    native = sum(case.native == case.theirs for case in found)
    by_formula = sum(case.formulas == case.theirs for case in found)
    single = [case for case in found if len(case.cards_gib) == 1]
    print(
        f"{len(found)} cases over {len(arguments.shapes)} shapes: native {native} equal, formulas {by_formula} equal, "
        f"on one card {sum(case.formulas == case.theirs for case in single)} of {len(single)}"
    )
    if arguments.save:
        rows = ",\n  ".join(json.dumps(asdict(case)) for case in found)
        RESULT.write_text('{\n "cases": [\n  ' + rows + "\n ]\n}\n", encoding="utf-8")
    return 0 if native == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
