"""Native code behind the embedder: one loaded model in an embedding context of its own."""

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from labkit.engine.core.threads import ThreadController, ladder
from labkit.engine.native import library
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


CPU_BATCH_TOKENS = 256
"""On processors more gain nothing: they compute at their limit, and attention over the whole forward grows."""


class NativeEmbeddingBackend:
    """Implements `labkit.engine.core.embedding_backend.EmbeddingBackend` over llama.cpp."""

    def __init__(self, model: NativeModel, config: EngineConfig, facts: EmbeddingFacts) -> None:
        """Make the context. The model stays the caller's, and must be closed after this.

        Raises ModelLoadError, and InvalidModelFileError where the model cannot rank and should.
        """
        self.model = model
        self._on_accelerator = config.gpu_layers != 0 and library.has_accelerator()
        self._most_threads = min(usable_cores(), config.max_threads or usable_cores())
        self.num_threads = config.num_threads or self._most_threads
        self.context = NativeEmbeddingContext(
            model,
            pooling=facts.choose_pooling(config.pooling),
            sequence_tokens=config.context_tokens or DEFAULT_CELLS,
            batch_tokens=min(config.ubatch_tokens, _batch_tokens(config)),
            num_sequences=NUM_SEQUENCES,
            num_threads=self.num_threads,
        )
        self._measures_threads = config.num_threads is None
        self._threads: ThreadController | None = None
        self.sequence_tokens = self.context.sequence_tokens
        self.batch_tokens = self.context.batch_tokens
        self.max_inputs = self.context.max_inputs
        self.vocab_size = model.vocab_size
        self.size = self.context.size

    @property
    def num_nodes(self) -> int | None:
        """Graph nodes that were computed, None where that cannot be seen. Any thread may ask."""
        flag = self.context.interrupts
        return flag.num_nodes if flag.counts and not self._on_accelerator else None

    def prepare(self) -> None:
        """Choose the number of threads to begin with, unless the caller did: within about a second.

        In the thread that will run the model, because OpenMP keeps a pool per calling thread.
        """
        if not self._measures_threads:
            return
        counts = ladder(self._most_threads)
        best, best_seconds = counts[0], self._time(counts[0])
        for count in counts[1:]:
            seconds = self._time(count)
            if seconds > best_seconds * _WORTHWHILE:
                break
            best, best_seconds = count, seconds
        self._set_threads(best)
        self._threads = ThreadController(counts, single=best, large=best)

    def forward(self, inputs: Sequence[Sequence[int]]) -> list[npt.NDArray[np.float32]]:
        """See EmbeddingBackend.forward. Every forward's time may change the number of threads of the next."""
        if self._threads is None:
            return self.context.forward(inputs)
        num_tokens = sum(map(len, inputs))
        self._set_threads(self._threads.count_for(num_tokens))
        started = time.perf_counter()
        vectors = self.context.forward(inputs)
        self._threads.observe(num_tokens, time.perf_counter() - started)
        return vectors

    def release(self) -> None:
        """Free the context; the backend is of no use afterwards."""
        self.context.close()

    def _set_threads(self, count: int) -> None:
        if count != self.num_threads:
            self.context.set_threads(count)
            self.num_threads = count

    def _time(self, count: int) -> float:
        self._set_threads(count)
        tokens = [0] * min(_MEASURED_TOKENS, self.sequence_tokens)
        self.context.forward([tokens])  # the first one also builds the graph
        started = time.perf_counter()
        for _ in range(_TIMED_RUNS):
            self.context.forward([tokens])
        return time.perf_counter() - started


def _batch_tokens(config: EngineConfig) -> int:
    on_accelerator = config.gpu_layers != 0 and library.has_accelerator()
    return config.ubatch_tokens if on_accelerator else CPU_BATCH_TOKENS
