"""Mutants: files that somebody damaged, or made to do harm. All from seeds, so a number is enough to keep one."""

import random
from dataclasses import dataclass, field

from fakes.gguf_mutants import container, hyperparameters, parts, templates, tensors, tokenizer

FAMILIES = {
    "container": container.KINDS,
    "tensors": tensors.KINDS,
    "hyper-parameters": hyperparameters.KINDS,
    "tokenizer": tokenizer.KINDS,
    "split": parts.KINDS,
    "no model": parts.NO_MODELS,
    "template": templates.KINDS,
}
SHARES = {
    "container": 25, "tensors": 18, "hyper-parameters": 22, "tokenizer": 22, "split": 6, "no model": 3, "template": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A file, or several that belong together; the first one is what a person names."""

    seed: int
    family: str
    kind: str
    base: str
    files: dict[str, bytes] = field(repr=False)


def make_mutant(seed, *, family=None):
    """The mutant of this number; of one family where one is asked for."""
    rng = random.Random(f"labkit mutant {seed}")
    family = family or rng.choices(list(SHARES), list(SHARES.values()))[0]
    kind = rng.choice(FAMILIES[family])
    base, made = kind(rng)
    files = made if isinstance(made, dict) else {"model.gguf": made}
    return Mutant(seed, family, kind.__name__, base, files)
