"""What the core needs from native code. `labkit.engine.native` implements it, and a hand-written fake in tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from labkit.engine.core.plan import BatchPlan
from labkit.engine.types import GenerationRequest, TokenLogprob


class Backend(Protocol):
    """One model in one context. Every method but `interrupt` is called from the engine's loop alone, and blocks."""

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
        """Sequences that the context can hold at once, running and cached (llama.cpp's `n_seq_max`)."""
        ...

    @property
    def max_running(self) -> int:
        """Sequences that may run at once."""
        ...

    @property
    def batch_tokens(self) -> int:
        """Most tokens of one forward."""
        ...

    @property
    def max_logits(self) -> int:
        """Most rows of logits of one forward."""
        ...

    @property
    def scoring_tokens(self) -> int:
        """Most tokens of a forward that reads log-probabilities of prompts, so that they do not depend on its size."""
        ...

    @property
    def cell_bytes(self) -> int:
        """Bytes of one KV cell over all layers; 0 when the model keeps no cells (recurrent)."""
        ...

    @property
    def forks_anywhere(self) -> bool:
        """Whether `copy_cells` may copy any beginning of a sequence.

        False for recurrent, hybrid and sliding-window models: only a whole sequence can be copied.
        """
        ...

    @property
    def can_rewind(self) -> bool:
        """Whether the last few cells of a sequence can be dropped (`free_cells` with a start)."""
        ...

    def prepare(self) -> None:
        """Called once, from the loop's own thread, before the first step: the place to measure in."""
        ...

    def open(self, request: GenerationRequest) -> None:
        """Prepare a sampler, and a constraint where one is asked for.

        Raises InvalidRequestError when the request cannot be honoured (bad grammar, unknown adapter); nothing is
        kept then.
        """
        ...

    def forward(self, plan: BatchPlan) -> None:
        """Compute the KV cells of every span, under the plan's adapters, and the logits asked for.

        Masks of constrained sequences are computed meanwhile. Raises ForwardInterruptedError after `interrupt`,
        ForwardError for anything else; some cells may have been written then.
        """
        ...

    def interrupt(self) -> None:
        """Make a running forward end early, where the device allows; harmless otherwise. Any thread may call."""
        ...

    def sample(self, request_id: str, row: int) -> tuple[int, TokenLogprob | None]:
        """The next token of a request, from the logits of batch index `row` of the last forward.

        The sampler and the constraint move on by it. Log-probabilities where the request asked for them. What would
        end the answer before the request's min_tokens is not chosen, unless a constraint leaves nothing else.
        """
        ...

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """Logits of batch index `row` of the last forward: shape (vocab_size,), a view that the next one overwrites."""
        ...

    def prompt_logprobs(self, row: int, tokens: Sequence[int], num_top: int) -> list[TokenLogprob]:
        """Log-probabilities of `tokens`, the first from the logits of batch index `row`, the others from the next rows.

        `num_top`: most probable tokens to name beside each. Raises ForwardError when logits are no numbers.
        """
        ...

    def forced_tokens(self, request_id: str) -> tuple[int, ...]:
        """Tokens that a constraint leaves no choice about, from here on; empty without a constraint."""
        ...

    def copy_cells(self, source: int, target: int, end: int) -> None:
        """Let the empty slot `target` share the first `end` cells of `source`."""
        ...

    def free_cells(self, slot: int, start: int = 0) -> bool:
        """Drop the KV cells of `slot` from position `start` on.

        False, and the slot is empty, when the model has lost what it would need to go on from `start`: a recurrent
        state always has, a sliding window after a long forward that failed.
        """
        ...

    def save_cells(self, slot: int) -> bytes:
        """The state of `slot`, for `load_cells`; blocks for the time of a copy."""
        ...

    def load_cells(self, slot: int, state: bytes) -> bool:
        """Put a saved state into the empty `slot`. False (and the slot is empty) when it does not fit."""
        ...

    def adapter_digest(self, name: str) -> str:
        """What tells a loaded adapter from any other. Raises InvalidRequestError for an unknown name."""
        ...

    def load_adapter(self, name: str, path: Path) -> None:
        """Load a LoRA adapter. Raises InvalidRequestError when the name is taken, ModelLoadError for a bad file."""
        ...

    def unload_adapter(self, name: str) -> None:
        """Free an adapter. Raises InvalidRequestError for an unknown name."""
        ...

    def close(self, request_id: str) -> None:
        """Drop the sampler of a request. Harmless when it is not open."""
        ...

    def piece(self, token: int, *, with_control: bool = False) -> bytes:
        """Bytes of a token as clients see it; control tokens are empty unless asked for."""
        ...

    def is_end(self, token: int) -> bool:
        """Whether a token ends the generation."""
        ...
