"""What is compared about loads: one value per round."""

from collections.abc import Sequence
from statistics import median

from load.client import Load


def rates(loads: Sequence[Load]) -> list[float]:
    """Tokens per second of every round, over the wall time."""
    return [load.tokens_per_second for load in loads]


def walls(loads: Sequence[Load]) -> list[float]:
    """Seconds from the first request to the end of the last answer."""
    return [load.wall_seconds for load in loads]


def ttfts(loads: Sequence[Load]) -> list[float]:
    """Median time to first token of every round, in seconds."""
    return [median(answer.ttft_seconds for answer in load.answers) for load in loads]


def gaps(loads: Sequence[Load]) -> list[float]:
    """Median inter-token latency of every round, in milliseconds."""
    return [1000 * median(gap for answer in load.answers for gap in answer.gaps_seconds) for load in loads]


def cached(loads: Sequence[Load]) -> int:
    """Prompt tokens that were not computed again, of the median round."""
    return round(median(sum(answer.cached_tokens or 0 for answer in load.answers) for load in loads))


def most_cached(loads: Sequence[Load]) -> int:
    """The same of the one request that reused most."""
    return max(answer.cached_tokens or 0 for load in loads for answer in load.answers)


def prompt_tokens(loads: Sequence[Load]) -> int:
    """Prompt tokens of the median round."""
    return round(median(sum(answer.prompt_tokens or 0 for answer in load.answers) for load in loads))


def same_texts(ours: Sequence[Load], theirs: Sequence[Load]) -> str:
    """How many answers are alike, such as "12 of 16": greedy answers of one model to one prompt."""
    pairs = [
        (a.text, b.text) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x.answers, y.answers, strict=True)
    ]
    return f"{sum(a == b for a, b in pairs)} of {len(pairs)}"
