"""Native code behind the core's Backend: one model in one context, a sampler and perhaps a mask per request."""

from dataclasses import dataclass
from pathlib import Path

from labkit.engine.core.plan import BatchPlan
from labkit.engine.native.context import NativeContext
from labkit.engine.native.grammar import GrammarCompiler, TokenMask
from labkit.engine.native.model import NativeModel
from labkit.engine.native.sampler import SamplerChain
from labkit.engine.native.threads import measure_best_threads, usable_cores
from labkit.engine.types import EngineConfig, GenerationRequest, TokenLogprob

_MOST_SLOTS = 256


@dataclass(frozen=True, slots=True)
class _Sampling:
    chain: SamplerChain
    mask: TokenMask | None


class NativeBackend:
    """Implements `labkit.engine.core.backend.Backend` over llama.cpp."""

    def __init__(self, path: Path, config: EngineConfig) -> None:
        """Load the model and make its context. Raises ModelLoadError."""
        self.model = NativeModel(path, gpu_layers=config.gpu_layers)
        trained = self.model.trained_context_tokens
        slots = max(1, min(config.num_slots, _MOST_SLOTS))
        try:
            self.context = NativeContext(
                self.model,
                context_tokens=config.cells_for(trained),
                num_slots=slots,
                batch_tokens=max(config.batch_tokens, slots),
                ubatch_tokens=config.ubatch_tokens,
                num_threads=config.num_threads or usable_cores(),
            )
        except Exception:
            self.model.close()
            raise
        self.sequence_tokens = min(self.context.context_tokens, trained)
        self._grammars = GrammarCompiler(self.model)
        self._measures_threads = config.num_threads is None
        self._open: dict[str, _Sampling] = {}

    @property
    def context_tokens(self) -> int:
        """KV cells shared by all sequences."""
        return self.context.context_tokens

    @property
    def num_slots(self) -> int:
        """Sequences that fit at once."""
        return self.context.num_slots

    @property
    def batch_tokens(self) -> int:
        """Most tokens of one forward."""
        return self.context.batch_tokens

    def prepare(self) -> None:
        """Choose the number of threads, unless the caller did.

        In the thread that will run the model: OpenMP keeps a pool per calling thread, and with a second pool it
        stops spinning at barriers, which makes a small model many times slower (benchmarks/engine_vs_core.py).
        """
        if self._measures_threads:
            measure_best_threads(self.context, usable_cores())

    def open(self, request: GenerationRequest) -> None:
        """See Backend.open."""
        mask = self._grammars.compile(request.constraint) if request.constraint else None
        chain = SamplerChain(request.sampling, self.model.vocab_size)
        self._open[request.request_id] = _Sampling(chain, mask)

    def forward(self, plan: BatchPlan) -> None:
        """See Backend.forward."""
        batch = self.context.batch
        batch.clear()
        for span in plan.spans:
            sequence = span.sequence
            tokens = sequence.tokens[span.start : span.start + span.num_tokens]
            batch.add(tokens, span.start, sequence.slot or 0, wants_logits=span.wants_logits)
        self.context.forward()

    def sample(self, request_id: str, row: int) -> tuple[int, TokenLogprob | None]:
        """See Backend.sample."""
        sampling = self._open[request_id]
        if sampling.mask is None:
            return sampling.chain.sample(self.context, row), None
        sampling.mask.apply(self.context.logits(row))
        token = sampling.chain.sample(self.context, row)
        sampling.mask.accept(token)
        return token, None

    def free_cells(self, slot: int) -> None:
        """See Backend.free_cells."""
        self.context.free_cells(slot)

    def close(self, request_id: str) -> None:
        """See Backend.close."""
        sampling = self._open.pop(request_id, None)
        if sampling is not None:
            sampling.chain.close()

    def piece(self, token: int) -> bytes:
        """See Backend.piece."""
        return self.model.piece(token)

    def is_end(self, token: int) -> bool:
        """See Backend.is_end."""
        return self.model.is_end(token)

    def release(self) -> None:
        """Free context and model, in the order llama.cpp needs. The backend is of no use afterwards."""
        for request_id in list(self._open):
            self.close(request_id)
        self.context.close()
        self.model.close()
