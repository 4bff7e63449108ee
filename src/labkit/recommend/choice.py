"""Which quantization of a model to take on a machine, and where it goes.

A file in the quantization that the model was trained for goes first: it loses nothing. Then the band from Q6_K to
Q4_K_M, least loss first, that fits whole on the fastest memory; Q8_0 where memory and speed are plenty. Below Q4 the
loss grows fast (Q3_K_M 0.08 nats per token, Q4_K_M 0.03, Q6_K 0.005): asked for only where nothing else fits.
"""

from dataclasses import dataclass, replace
from typing import Literal

from labkit.catalog import CatalogFile, CatalogModel, architecture, by_trust
from labkit.estimate import Machine, Placement, Weights, missing_facts, place, weights_of_catalog
from labkit.recommend.projector import Projector, find_projector, with_projector
from labkit.recommend.wish import Wish
from labkit.units import render_bytes

BAND = ("Q6_K", "Q5_K_M", "Q4_K_M")
BEYOND = ("MXFP4", "Q8_0", "Q4_0", "F16")
UNPINNED = "Q4_K_M"
ON_CPU = "CPU"
BELOW = ("IQ4_XS", "Q3_K_M")
PLENTY_OF_MEMORY = 0.5  # of the budget that Q8_0 may take
PLENTY_OF_SPEED = 3.0  # times the least speed


@dataclass(frozen=True, slots=True)
class Option:
    """One quantization of a model, placed."""

    quantization: str
    file: CatalogFile | None
    weights: Weights
    placement: Placement
    projector: Projector | None = None

    @property
    def speed(self) -> float | None:
        """Tokens per second, the middle of the range; None when unknown."""
        return self.placement.speed.middle if self.placement.speed else None

    @property
    def download_bytes(self) -> int:
        """Of all files, at most."""
        return self.weights.size_bytes[1] + (self.projector.size_bytes[1] if self.projector else 0)

    @property
    def is_whole(self) -> bool:
        """Whether all of it is in one memory."""
        return self.placement.fit not in ("split", "experts in RAM")

    def is_present(self, wish: Wish) -> bool:
        """Whether its file is on this machine already."""
        return self.file is not None and self.file.file.rsplit("/", 1)[-1].casefold() in wish.present

    @property
    def holds_context(self) -> bool:
        """Whether it holds the context that was asked for."""
        return self.placement.fit != "fits at less context"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a quantization is no option. `kind` is what there is too little of, `size_bytes` what the file takes."""

    quantization: str
    reason: str
    kind: Literal["facts", "memory", "speed", "disk"] = "facts"
    size_bytes: int = 0

    @property
    def nearness(self) -> tuple[bool, int]:
        """To sort by: what fits the memory is nearest to an option, then the smallest file."""
        return self.kind == "memory", self.size_bytes


def candidates(model: CatalogModel, *, below_q4: bool = False) -> list[tuple[str, CatalogFile | None]]:
    """Quantizations to try, best choice first, each with its pinned file when the catalogue has one."""
    if below_q4:
        return [(name, pinned_file(model, name)) for name in BELOW if model.gguf_repos]
    rows: list[tuple[str, CatalogFile | None]] = []
    for file in by_trust(model, model.model_files):
        if file.native and file.quantization and file.quantization not in dict(rows):
            rows.append((file.quantization, file))
    for name in (*BAND, *BEYOND):
        file = pinned_file(model, name)
        if file and name not in dict(rows):
            rows.append((name, file))
    if UNPINNED not in dict(rows) and model.gguf_repos:
        rows.append((UNPINNED, None))
    return rows


def pinned_file(model: CatalogModel, quantization: str) -> CatalogFile | None:
    """The file of that quantization whose hash is known; of several the most trusted, native ones first."""
    files = [file for file in by_trust(model, model.model_files) if file.quantization == quantization]
    return next((file for file in files if file.native), files[0] if files else None)


def options(
    model: CatalogModel, machine: Machine, wish: Wish, *, below_q4: bool = False
) -> tuple[list[Option], list[Refusal]]:
    """Every quantization that fits, is fast enough and has room on the disk, best choice first; and the others. Pure.

    Both are empty when the size of no file is known.
    """
    if missing := missing_facts(architecture(model)):
        return [], [Refusal("", f"{missing}, so its memory cannot be estimated")]
    good: list[Option] = []
    bad: list[Refusal] = []
    for quantization, file in candidates(model, below_q4=below_q4):
        found = try_quantization(model, quantization, file, machine, wish)
        if isinstance(found, Option):
            good.append(found)
        elif found is not None:
            bad.append(found)
    return good, bad


def try_quantization(
    model: CatalogModel, quantization: str, file: CatalogFile | None, machine: Machine, wish: Wish
) -> Option | Refusal | None:
    """One quantization of a model, or why not; None when the size of its file is not known. Pure."""
    weights = weights_of_catalog(model, quantization)
    if weights is None:
        return None
    projector = find_projector(model) if wish.goal == "vision" else None
    placement = place(architecture(model), with_projector(weights, projector), machine, wish.context)
    if placement is None:
        return Refusal(quantization, "its memory cannot be estimated")
    if placement.fit == "no":
        return Refusal(quantization, placement.reason, "memory", weights.size_bytes[1])
    option = Option(quantization, file, weights, placement, projector)
    if refusal := _slow(option, wish) or _too_large(option, wish):
        return refusal
    if wish.goal == "embedding":
        # An embedding is one prefill; what was estimated is the decode of tokens, of which it has none.
        option = replace(option, placement=replace(placement, speed=None))
    return option


def choose(found: list[Option], machine: Machine, wish: Wish) -> Option:
    """The least loss that fits whole on the fastest memory; where none does, the fastest. Needs one at least."""
    asked = [option for option in found if option.holds_context] or found
    whole = [option for option in asked if option.placement.fit == "fits" and _is_on_best(option, machine)]
    if not whole:
        usual = [option for option in asked if _is_native(option) or option.quantization in BAND]
        return next(filter(_is_native, usual), max(usual or asked, key=_pace))
    if _is_native(whole[0]):
        return whole[0]
    lossless = next((option for option in whole if option.quantization == "Q8_0" and _is_plenty(option, wish)), None)
    return lossless or whole[0]


def _pace(option: Option) -> tuple[float, float]:
    """To sort by: the speed, or where that is unknown what it cannot exceed."""
    return option.speed or 0.0, option.placement.most_speed or 0.0


def _is_native(option: Option) -> bool:
    return option.file is not None and option.file.native


def _slow(option: Option, wish: Wish) -> Refusal | None:
    speed, most, least = option.placement.speed, option.placement.most_speed, wish.least_speed
    verb = "reads" if wish.goal == "embedding" else "writes"
    if speed is not None and speed.middle < least:
        words = f"{verb} about {speed.low:.1f} to {speed.high:.1f} tok/s here, {least:g} wished for"
    elif most is not None and most < least:
        words = f"{verb} {most:.1f} tok/s here at the very most, {least:g} wished for"
    else:
        return None
    return Refusal(option.quantization, words, "speed", option.weights.size_bytes[1])


def _too_large(option: Option, wish: Wish) -> Refusal | None:
    if wish.disk_bytes is None or option.download_bytes <= wish.disk_bytes or option.is_present(wish):
        return None
    size, room = render_bytes(option.download_bytes), render_bytes(wish.disk_bytes)
    words = f"its files take {size} of disk, {room} are free"
    return Refusal(option.quantization, words, "disk", option.weights.size_bytes[1])


def _is_plenty(option: Option, wish: Wish) -> bool:
    speed = option.speed
    if speed is not None and speed < PLENTY_OF_SPEED * max(wish.least_speed, 1):
        return False
    return option.placement.memory.required <= PLENTY_OF_MEMORY * option.placement.budget_bytes


def _is_on_best(option: Option, machine: Machine) -> bool:
    return not machine.devices or ON_CPU not in option.placement.device.split(" + ")
