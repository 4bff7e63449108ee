"""Why a model is recommended, and what to know about it, in sentences."""

from collections.abc import Iterator

from labkit.catalog import CatalogModel, Score, find_license, quantizations, uploader, uploader_words
from labkit.recommend.choice import BELOW, Option
from labkit.recommend.evidence import Verdict, best_score, scores_of
from labkit.recommend.goals import BENCHMARKS, Goal
from labkit.recommend.wish import Wish
from labkit.units import render_bytes


def reasons(
    model: CatalogModel,
    option: Option,
    wish: Wish,
    notes: tuple[str, ...],
    below: CatalogModel | None,
    verdict: Verdict | None,
) -> Iterator[str]:
    """Sentences about one recommendation; `below` is the next one, and `verdict` their comparison."""
    yield from _score_words(model, wish.goal)
    if below and verdict:
        yield _order_words(below, verdict)
    yield from notes
    if option.is_present(wish):
        yield "its file is on this machine already"
    yield from _placement_words(option, wish)
    yield from _quantization_words(option)
    yield from _file_words(model, option)
    yield from _projector_words(option, wish)
    yield from _license_words(model)
    if model.thinking == "optional" and wish.goal in ("chat", "vision"):
        yield "thinks before it answers unless told not to; its scores are with thinking"


def _score_words(model: CatalogModel, goal: Goal) -> Iterator[str]:
    score, backbone = best_score(model, goal), BENCHMARKS[goal][0].name
    if score is None:
        yield f"no sourced score for {goal}: placed by its lineage"
        return
    if score.benchmark.casefold() != backbone.casefold():
        yield f"no sourced {backbone}, compared by what it has"
    values = {other.value for other in scores_of(model, score.benchmark)}
    if len(values) > 1:
        listed = ", ".join(f"{value:g}" for value in sorted(values))
        yield f"sources differ on {score.benchmark}: {listed}"


def _order_words(below: CatalogModel, verdict: Verdict) -> str:
    if verdict.balance > 0:
        return f"before {below.id}: {verdict.why}"
    if verdict.balance < 0:
        return f"before {below.id}, which does not hold the whole context"
    return f"before {below.id}, from which no shared score tells it apart"


def _placement_words(option: Option, wish: Wish) -> Iterator[str]:
    placement = option.placement
    if placement.fit == "fits at less context":
        yield f"fits with {placement.context.context_tokens // wish.slots:,} tokens of context and a q8_0 cache"
    elif placement.fit == "fits with q8_0 cache":
        yield "fits with its cache stored as q8_0"
    if placement.reason:
        yield placement.reason
    speed = placement.speed
    if wish.goal == "embedding":
        return
    if speed is None:
        yield "speed unknown: not measured here, and no public runs of such a device are known to labkit"
    elif speed.low < wish.least_speed:
        narrower = "" if speed.confidence == "calibrated" else ": labkit doctor measures the machine and narrows it"
        yield f"may be as slow as {speed.low:.1f} tok/s{narrower}"


def _quantization_words(option: Option) -> Iterator[str]:
    name = option.quantization
    if option.file and option.file.native:
        yield f"{name} is what it was trained for: nothing is lost by quantization"
        return
    facts = quantizations().get(name)
    loss = facts.loss if facts else None
    if loss:
        imatrix = ", with an importance matrix" if loss.imatrix else ""
        yield f"{name} loses {loss.mean_kl_divergence:.3f} nats per token (LLaMA 3 8B{imatrix})"
    if name in BELOW:
        yield "below 4 bits a word per token: taken because nothing larger fits"
    elif option.file and "-UD-" in option.file.file:
        yield "a mixture of Unsloth's own under that name: its size may differ by some percent"


def _file_words(model: CatalogModel, option: Option) -> Iterator[str]:
    if option.file is None:
        yield f"no file with a known hash: choose the {option.quantization} one in the repository"
    repo = option.file.repo if option.file else next(iter(model.gguf_repos), "")
    if repo and uploader(model, repo) != "maker":
        yield uploader_words(model, repo)


def _projector_words(option: Option, wish: Wish) -> Iterator[str]:
    if wish.goal != "vision" or option.projector is None:
        return
    projector = option.projector
    size = f"at most {render_bytes(projector.size_bytes[1])}, counted" if projector.source else "of unknown size"
    yield f"sees through {projector.file.repo} {projector.file.file} ({size})"


def _license_words(model: CatalogModel) -> Iterator[str]:
    license_ = find_license(model.license)
    if license_ is None:
        yield f"license '{model.license}': nothing is known of it here, read it before use"
    elif license_.restrictions:
        yield f"{license_.name}: {'; '.join(license_.restrictions)}"


def score_words(score: Score | None, goal: Goal) -> str:
    """Such as "MMLU-Pro 85.2", or that there is none."""
    return f"{score.benchmark} {score.value:g}" if score else f"no sourced score for {goal}"
