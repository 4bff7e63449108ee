"""One token stream and where it stands."""

from dataclasses import dataclass, field
from typing import Literal

from labkit.engine.core.moves import Identity
from labkit.engine.types import CacheTier, GenerationRequest

Phase = Literal["waiting", "prefill", "decode"]


@dataclass(slots=True, eq=False)
class Sequence:
    """A request on its way through the engine. Only the engine's loop touches it.

    Attributes:
        identity: what it must have in common with others to share their cells.
        tokens: prompt, then what was generated.
        num_computed: how many of `tokens` have their KV cells (always the first ones).
        slot: place in the native context; None while waiting.
        reserved_cells: KV cells that admission set aside for it.
        draft: tokens proposed for the next forward.
        fork_points: lengths at which others want to copy it, for models that can only copy whole sequences.
        leader, promised: while waiting: who is computing its first `promised` tokens, so that it need not.
        lent_rank, lent_until: the best lane of those that wait for its first `lent_until` tokens.
        num_prompt: tokens of the prompt.
        num_scored: of the prompt, tokens that were computed for the log-probabilities of their successors.
        num_preemptions: how often it gave its cells back.
        num_cached: prompt tokens that were not computed, at the first admission; from `cached_from`.
        arrived, admitted, first_token: times of the engine's clock, in seconds.
    """

    request: GenerationRequest
    arrived: float
    identity: Identity = field(default_factory=Identity)
    tokens: list[int] = field(default_factory=list)
    num_computed: int = 0
    slot: int | None = None
    reserved_cells: int = 0
    draft: tuple[int, ...] = ()
    fork_points: set[int] = field(default_factory=set)
    leader: "Sequence | None" = None
    promised: int = 0
    lent_rank: int = 0
    lent_until: int = 0
    num_prompt: int = field(init=False)
    num_scored: int = 0
    num_preemptions: int = 0
    num_cached: int = 0
    cached_from: CacheTier | None = None
    num_drafted: int = 0
    num_accepted: int = 0
    admitted: float | None = None
    first_token: float | None = None

    def __post_init__(self) -> None:
        self.tokens = list(self.request.prompt)
        self.num_prompt = len(self.tokens)

    @property
    def num_generated(self) -> int:
        """Tokens generated so far."""
        return len(self.tokens) - self.num_prompt

    @property
    def num_pending(self) -> int:
        """Tokens whose KV cells are still to be computed."""
        return len(self.tokens) - self.num_computed

    @property
    def num_shareable(self) -> int:
        """Most tokens it can take from others: those whose logits are wanted are computed in any case."""
        if not self.request.reuse:
            return 0
        return self.num_scored if self.is_scoring else len(self.tokens) - 1

    @property
    def is_scoring(self) -> bool:
        """Whether log-probabilities of its prompt are still to be read."""
        return self.request.prompt_logprobs is not None and self.num_scored < self.num_prompt

    @property
    def held_slot(self) -> int:
        """The slot of a running sequence. Raises RuntimeError while waiting."""
        if self.slot is None:
            raise RuntimeError(f"sequence {self.request.request_id} holds no slot")
        return self.slot

    @property
    def phase(self) -> Phase:
        """Where it stands. After its first token, and after a preemption's recomputation, it decodes."""
        if self.slot is None:
            return "waiting"
        num_tokens = len(self.tokens)  # written out: this is asked several times a step for each sequence
        return "decode" if num_tokens - self.num_computed == 1 and num_tokens > self.num_prompt else "prefill"

    def lend(self, rank: int, num_tokens: int) -> None:
        """One of a lane of this `rank` waits for its first `num_tokens`: until then it counts as of that lane."""
        self.lent_rank = min(rank, self.lent_rank) if self.num_computed < self.lent_until else rank
        self.lent_until = max(num_tokens, self.lent_until)
