"""What the embedder needs from native code. `labkit.engine.native` implements it, and a hand-written fake in tests."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt


class EmbeddingBackend(Protocol):
    """One model in a context that yields vectors, not tokens. Called from the embedder's loop alone; blocks."""

    @property
    def sequence_tokens(self) -> int:
        """Most tokens of one input."""
        ...

    @property
    def batch_tokens(self) -> int:
        """Most tokens of a forward of several inputs; a longer input is computed alone."""
        ...

    @property
    def max_inputs(self) -> int:
        """Most inputs of one forward."""
        ...

    @property
    def vocab_size(self) -> int:
        """Token ids are below it."""
        ...

    @property
    def size(self) -> int:
        """Numbers of one vector."""
        ...

    def prepare(self) -> None:
        """Called once, from the loop's own thread, before the first forward: the place to measure in."""
        ...

    def forward(self, inputs: Sequence[Sequence[int]]) -> list[npt.NDArray[np.float32]]:
        """One array per input, in their order: shape (size,), or (num_tokens, size) without pooling. Raw values.

        Raises ForwardError. Nothing of an input is kept for the next call.
        """
        ...
