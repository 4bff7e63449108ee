"""Native code behind the embedder: one loaded model in an embedding context of its own."""

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from labkit.engine.native.embedding import NativeEmbeddingContext
from labkit.engine.native.model import NativeModel
from labkit.engine.native.threads import usable_cores
from labkit.engine.types import DEFAULT_CELLS, EngineConfig
from labkit.gguf import EmbeddingFacts

NUM_SEQUENCES = 64
_MEASURED_TOKENS = 64
_TIMED_RUNS = 3
_WORTHWHILE = 0.97
"""More threads are taken when their time is at most this share of the time with fewer."""


class NativeEmbeddingBackend:
    """Implements `labkit.engine.core.embedding_backend.EmbeddingBackend` over llama.cpp."""

    def __init__(self, model: NativeModel, config: EngineConfig, facts: EmbeddingFacts) -> None:
        """Make the context. The model stays the caller's, and must be closed after this.

        Raises ModelLoadError, and InvalidModelFileError where the model cannot rank and should.
        """
        self.model = model
        self.context = NativeEmbeddingContext(
            model,
            pooling=facts.choose_pooling(config.pooling),
            sequence_tokens=config.context_tokens or DEFAULT_CELLS,
            batch_tokens=config.ubatch_tokens,
            num_sequences=NUM_SEQUENCES,
            num_threads=config.num_threads or usable_cores(),
        )
        self.num_threads = config.num_threads or usable_cores()
        self._measures_threads = config.num_threads is None
        self.sequence_tokens = self.context.sequence_tokens
        self.batch_tokens = self.context.batch_tokens
        self.max_inputs = self.context.max_inputs
        self.vocab_size = model.vocab_size
        self.size = self.context.size

    def prepare(self) -> None:
        """Choose the number of threads, unless the caller did: what is fastest here and now, within about a second.

        In the thread that will run the model, because OpenMP keeps a pool per calling thread.
        """
        if not self._measures_threads:
            return
        best, best_seconds = 1, self._time(1)
        while best < usable_cores():
            more = min(best * 2, usable_cores())
            seconds = self._time(more)
            if seconds > best_seconds * _WORTHWHILE:
                break
            best, best_seconds = more, seconds
        self.num_threads = best
        self.context.set_threads(best)

    def forward(self, inputs: Sequence[Sequence[int]]) -> list[npt.NDArray[np.float32]]:
        """See EmbeddingBackend.forward."""
        return self.context.forward(inputs)

    def release(self) -> None:
        """Free the context; the backend is of no use afterwards."""
        self.context.close()

    def _time(self, num_threads: int) -> float:
        self.context.set_threads(num_threads)
        tokens = [0] * min(_MEASURED_TOKENS, self.sequence_tokens)
        self.context.forward([tokens])  # the first one also builds the graph
        started = time.perf_counter()
        for _ in range(_TIMED_RUNS):
            self.context.forward([tokens])
        return time.perf_counter() - started
