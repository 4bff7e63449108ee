"""What the core needs from native code. `labkit.engine.native` implements it, and a hand-written fake in tests."""

from typing import Protocol

from labkit.engine.core.plan import BatchPlan
from labkit.engine.types import GenerationRequest


class Backend(Protocol):
    """One model in one context. Every method is called from the engine's loop alone, and blocks."""

    @property
    def context_tokens(self) -> int:
        """KV cells shared by all sequences."""
        ...

    @property
    def sequence_tokens(self) -> int:
        """Most tokens of one sequence, prompt and answer together."""
        ...

    @property
    def num_slots(self) -> int:
        """Sequences that fit at once."""
        ...

    @property
    def batch_tokens(self) -> int:
        """Most tokens of one forward."""
        ...

    def prepare(self) -> None:
        """Called once, from the loop's own thread, before the first step: the place to measure in."""
        ...

    def open(self, request: GenerationRequest) -> None:
        """Prepare a sampler, and a constraint where one is asked for.

        Raises InvalidRequestError when the request cannot be honoured (bad grammar); nothing is kept then.
        """
        ...

    def forward(self, plan: BatchPlan) -> None:
        """Compute the KV cells of every span, and the logits asked for. Raises ForwardError."""
        ...

    def sample(self, request_id: str, row: int) -> int:
        """The next token of a request, from the logits of batch index `row` of the last forward."""
        ...

    def free_cells(self, slot: int) -> None:
        """Drop the KV cells of `slot`."""
        ...

    def close(self, request_id: str) -> None:
        """Drop the sampler of a request. Harmless when it is not open."""
        ...

    def piece(self, token: int) -> bytes:
        """Bytes of a token as clients see it; control tokens are empty."""
        ...

    def is_end(self, token: int) -> bool:
        """Whether a token ends the generation."""
        ...
