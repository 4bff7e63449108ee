"""What is to be done to native cells: decided by the core, carried out by the engine, in order."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Copy:
    """`target`, which is empty, shares the first `num_tokens` cells of `source`."""

    source: int
    target: int
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Drop:
    """`slot` loses its cells from `start` on."""

    slot: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class Save:
    """The state of `slot`, which holds `tokens`, is worth keeping in a slower tier before it is dropped."""

    slot: int
    identity: "Identity"
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """What sequences must have in common to share cells: the adapters' digests with scales, and the tenant.

    The model is the same for a whole engine; what outlives it on disk adds the model's digest.
    """

    adapters: tuple[tuple[str, float], ...] = ()
    tenant: str = ""


Move = Copy | Drop | Save
