"""What a running endpoint says of its models to its own user, and where it is asked."""

from dataclasses import dataclass

PREFIX = "/labkit/control/"
TOKEN_HEADER = "x-labkit-control"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model of a running endpoint, as `labkit ps` shows it.

    Attributes:
        memory_bytes: set apart for it; None while it is not loaded.
        expires_in_seconds: when it is unloaded if nobody asks it; None for not of itself.
        stays: it is not unloaded for another model either.
    """

    name: str
    state: str
    reason: str = ""
    memory_bytes: int | None = None
    num_running: int = 0
    num_waiting: int = 0
    num_slots: int | None = None
    num_restarts: int = 0
    loaded_at: float | None = None
    expires_in_seconds: float | None = None
    stays: bool = False
    adapters: tuple[str, ...] = ()
