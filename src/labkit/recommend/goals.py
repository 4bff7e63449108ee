"""What people want a model for, and which published benchmarks say something about it."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

from labkit.errors import InputError

Goal = Literal["chat", "code", "reasoning", "tools", "vision", "embedding"]
GOALS: tuple[Goal, ...] = get_args(Goal)

CAPABILITY: dict[Goal, str] = {
    "chat": "chat",
    "code": "chat",
    "reasoning": "reasoning",
    "tools": "tools",
    "vision": "vision",
    "embedding": "embedding",
}
# Of embeddings: reading is never slower than writing would be, so this bounds it from below.
LEAST_TOKENS_PER_SECOND: dict[Goal, float] = {
    "chat": 8, "code": 8, "reasoning": 8, "tools": 15, "vision": 8, "embedding": 15,
}  # fmt: skip


def parse_goal(text: str) -> Goal:
    """The goal of that name, in any letters. Raises InputError that lists them."""
    name = text.strip().casefold()
    if name not in GOALS:
        raise InputError(f"'{text}' is not a goal", hint=f"--goal takes one of: {', '.join(GOALS)}")
    return cast("Goal", name)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark, and the difference below which two scores say the same.

    Attributes:
        noise: in the benchmark's own points. Of an exam about one standard error of its number of questions, where
            that is small the spread between the harnesses that the catalogue's sources used.
    """

    name: str
    noise: float


_ARENA = Benchmark("Arena text score", 10)  # its own intervals are 5 to 10
_ARENA_HARD = Benchmark("Arena Hard", 3)  # 500 questions
_MMLU_PRO = Benchmark("MMLU-Pro", 1)  # 12,032 questions
_GPQA = Benchmark("GPQA Diamond", 3)  # 198 questions
_GPQA_ALL = Benchmark("GPQA", 3)
_CODE_V6 = Benchmark("LiveCodeBench v6", 3)
_CODE = Benchmark("LiveCodeBench", 5)  # of no stated version: several sets of problems under one name
_SWE = Benchmark("SWE-bench Verified", 2)  # 500 issues
_TAU2 = Benchmark("TAU2-Bench", 4)  # 278 tasks, which two harnesses weigh differently
_BFCL3 = Benchmark("BFCLv3", 2)
_BFCL4 = Benchmark("BFCL-V4", 2)

# The most telling one first. Two models are compared in the first one that both have and that tells them apart.
BENCHMARKS: dict[Goal, tuple[Benchmark, ...]] = {
    "chat": (_ARENA, _MMLU_PRO, _GPQA, _ARENA_HARD, _GPQA_ALL),
    "code": (_CODE_V6, _SWE, _CODE),
    "reasoning": (_GPQA, _MMLU_PRO, _CODE_V6, _GPQA_ALL),
    "tools": (_TAU2, _BFCL4, _BFCL3, _SWE, Benchmark("BFCL V2", 2)),
    "vision": (Benchmark("MMMU-Pro", 1), Benchmark("MM-MT-Bench", 0.3)),
    "embedding": (Benchmark("MTEB multilingual mean(task)", 0.5), Benchmark("MTEB eng v2 mean(task)", 0.5)),
}
