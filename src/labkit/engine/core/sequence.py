"""One token stream and where it stands."""

from dataclasses import dataclass, field
from typing import Literal

from labkit.engine.types import GenerationRequest

Phase = Literal["waiting", "prefill", "decode"]


@dataclass(slots=True, eq=False)
class Sequence:
    """A request on its way through the engine. Only the engine's loop touches it.

    Attributes:
        tokens: prompt, then what was generated.
        num_computed: how many of `tokens` have their KV cells (always the first ones).
        slot: lane of the native context; None while waiting.
        reserved_cells: KV cells that admission set aside for it.
    """

    request: GenerationRequest
    arrived: float
    tokens: list[int] = field(default_factory=list)
    num_computed: int = 0
    slot: int | None = None
    reserved_cells: int = 0
    admitted: float | None = None
    first_token: float | None = None

    def __post_init__(self) -> None:
        self.tokens = list(self.request.prompt)

    @property
    def num_prompt(self) -> int:
        """Tokens of the prompt."""
        return len(self.request.prompt)

    @property
    def num_generated(self) -> int:
        """Tokens generated so far."""
        return len(self.tokens) - self.num_prompt

    @property
    def num_pending(self) -> int:
        """Tokens whose KV cells are still to be computed."""
        return len(self.tokens) - self.num_computed

    @property
    def phase(self) -> Phase:
        """Where it stands. After its first token, and after a preemption's recomputation, it decodes."""
        if self.slot is None:
            return "waiting"
        return "decode" if self.num_pending == 1 and self.num_generated > 0 else "prefill"
