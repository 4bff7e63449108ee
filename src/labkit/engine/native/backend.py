"""Native code behind the core's Backend: one model in one context, a sampler and perhaps a mask per request."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from labkit.engine.capacity import capacity_of
from labkit.engine.core.plan import BatchPlan
from labkit.engine.native import library
from labkit.engine.native.adapter import NativeAdapters
from labkit.engine.native.context import NativeContext
from labkit.engine.native.grammar import GrammarCompiler, TokenMask
from labkit.engine.native.logprobs import LogprobReader, read_logprobs
from labkit.engine.native.model import NativeModel
from labkit.engine.native.sampler import Sampler, SamplerFactory
from labkit.engine.native.threads import AdaptiveThreads, usable_cores
from labkit.engine.native.tokenizer import check_tokens
from labkit.engine.types import Constraint, EngineConfig, GenerationRequest, TokenLogprob
from labkit.errors import InvalidRequestError, ModelLoadError
from labkit.gguf import architecture, read_header

_CACHE_ELEMENT_BYTES = 2
_SAME_KERNEL_TOKENS = 63
"""ggml's flash attention works in tiles from 64 tokens on, and rounds otherwise: a log-probability moves by some
hundredths. Up to here it is the same for Q8_0, bit for bit, whatever the size of the forward and whoever else is in it;
products of some other types take rows in groups, and round by their number."""


@dataclass(slots=True)
class _Sampling:
    """`num_early` tokens are still to come before one of `ends` may."""

    sampler: Sampler
    mask: TokenMask | None
    num_logprobs: int | None
    num_early: int
    ends: npt.NDArray[np.intp]

    def rule_out_ends(self, logits: npt.NDArray[np.float32]) -> None:
        """Let the next token be none that ends the answer, unless there is no other. Changes `logits`."""
        self.num_early -= 1
        kept = logits[self.ends]
        logits[self.ends] = -np.inf
        if logits.max() == -np.inf:
            logits[self.ends] = kept


class NativeBackend:
    """Implements `labkit.engine.core.backend.Backend` over llama.cpp.

    `on_accelerator`: layers may run outside the processor, in memory of their own.
    """

    def __init__(self, path: Path, config: EngineConfig) -> None:
        """Load the model and make its context. Raises ModelLoadError."""
        self.model = NativeModel(path, gpu_layers=config.gpu_layers)
        self.on_accelerator = config.gpu_layers != 0 and library.has_accelerator()
        try:
            self._make_context(config)
        except Exception:
            self.model.close()
            raise
        self._grammars = GrammarCompiler(self.model)
        self._samplers = SamplerFactory(self.model, self.context.context_tokens)
        self._adapters = NativeAdapters(self.model, self.context)
        cores = usable_cores()
        self.threads = AdaptiveThreads(self.context, min(cores, config.max_threads or cores))
        self._adapts_threads = config.num_threads is None
        self._open: dict[str, _Sampling] = {}

    def _make_context(self, config: EngineConfig) -> None:
        model = self.model
        capacity = capacity_of(config, is_full_attention=model.memory_kind == "full")
        self.max_running = capacity.max_running
        self.context = NativeContext(
            model,
            context_tokens=config.cells_for(model.trained_context_tokens),
            num_slots=capacity.num_slots,
            batch_tokens=max(config.batch_tokens, self.max_running),
            ubatch_tokens=config.ubatch_tokens,
            num_threads=config.num_threads or usable_cores(),
            max_logits=capacity.max_logits,
        )
        if self.context.cells.kind == "none":
            self.context.close()
            raise ModelLoadError(
                "this model does not generate text", hint="it may give embeddings: POST /v1/embeddings"
            )
        self.sequence_tokens = min(self.context.context_tokens, model.trained_context_tokens)
        self.cell_bytes = self._cell_bytes()

    @property
    def context_tokens(self) -> int:
        """KV cells shared by all sequences."""
        return self.context.context_tokens

    @property
    def num_slots(self) -> int:
        """Sequences that the context can hold at once, running and cached."""
        return self.context.num_slots

    @property
    def batch_tokens(self) -> int:
        """Most tokens of one forward."""
        return self.context.batch_tokens

    @property
    def max_logits(self) -> int:
        """Most rows of logits of one forward."""
        return self.context.max_logits

    @property
    def scoring_tokens(self) -> int:
        """See Backend.scoring_tokens. On a processor, larger forwards would go through another attention kernel."""
        return self.max_logits if self.on_accelerator else min(self.max_logits, _SAME_KERNEL_TOKENS)

    @property
    def forks_anywhere(self) -> bool:
        """See Backend.forks_anywhere."""
        return self.context.cells.forks_anywhere

    @property
    def can_rewind(self) -> bool:
        """See Backend.can_rewind."""
        return self.context.cells.can_rewind

    @property
    def num_nodes(self) -> int | None:
        """Graph nodes that the running forward has computed, None where that cannot be seen. Any thread may ask."""
        return None if self.on_accelerator else self.context.num_nodes

    def prepare(self) -> None:
        """Empty the context, and choose the number of threads, unless the caller did.

        In the thread that will run the model: OpenMP keeps a pool per calling thread, and with a second pool it
        stops spinning at barriers, which makes a small model many times slower (benchmarks/engine_vs_core.py).
        """
        self.context.claim()
        self.context.clear()
        if self._adapts_threads:
            self.threads.prepare()

    def compile_constraint(self, constraint: Constraint) -> None:
        """Compile now, so that `open` finds it done. Any thread may call; blocks for some seconds at most.

        Raises InvalidRequestError as `open` would, QueueFullError while too many others are being compiled.
        """
        self._grammars.compile(constraint)

    def open(self, request: GenerationRequest) -> None:
        """See Backend.open."""
        self._check(request)
        mask = self._grammars.compile(request.constraint) if request.constraint else None
        sampler = self._samplers.make(request.sampling)
        sampler.accept_prompt(request.prompt)
        ends = np.empty(0, np.intp)
        if request.min_tokens:
            ends = np.array([*self.model.end_tokens, *request.stop_token_ids], np.intp)
        self._open[request.request_id] = _Sampling(sampler, mask, request.logprobs, request.min_tokens, ends)

    def _check(self, request: GenerationRequest) -> None:
        if request.request_id in self._open:
            raise InvalidRequestError(f"request '{request.request_id}' is open already", param="request_id")
        check_tokens(self.model, request.prompt, param="prompt")
        check_tokens(self.model, request.stop_token_ids, param="stop_token_ids")
        for number in (request.logprobs, request.prompt_logprobs):
            if number is not None and not 0 <= number <= self.model.vocab_size:
                raise InvalidRequestError(f"{number} log-probabilities cannot be had", param="top_logprobs")
        self._adapters.check(request.adapters)

    def forward(self, plan: BatchPlan) -> None:
        """See Backend.forward."""
        batch = self.context.batch
        batch.clear()
        for span in plan.spans:
            sequence, start = span.sequence, span.start
            tokens = sequence.tokens[start : start + span.num_tokens]
            if span.draft:
                tokens += span.draft
            num_logits = span.num_logits
            batch.add(tokens, start, sequence.held_slot, wants_logits=num_logits > 0, num_logits=num_logits)
            if span.wants_logits and sequence.request.constraint is not None:
                self._prepare_mask(sequence.request.request_id, span.draft)
        self._adapters.apply(plan.adapters)
        self.threads.forward(plan.num_tokens)

    def _prepare_mask(self, request_id: str, draft: tuple[int, ...]) -> None:
        sampling = self._open.get(request_id)
        if sampling is not None and sampling.mask is not None:
            sampling.mask.prepare(draft)

    def interrupt(self) -> None:
        """See Backend.interrupt."""
        self.context.interrupt()

    def sample(self, request_id: str, row: int) -> tuple[int, TokenLogprob | None]:
        """See Backend.sample."""
        sampling = self._open[request_id]
        if sampling.mask is None and sampling.num_logprobs is None and not sampling.num_early:
            return sampling.sampler.sample(self.context, row), None
        logits = self.context.logits(row)
        reader = None if sampling.num_logprobs is None else LogprobReader(logits, sampling.num_logprobs)
        if sampling.mask is not None:
            sampling.mask.apply(logits)
        if sampling.num_early:
            sampling.rule_out_ends(logits)
        token = sampling.sampler.sample(self.context, row)
        if sampling.mask is not None:
            sampling.mask.accept(token)
        return token, reader.of(token) if reader else None

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """See Backend.logits."""
        return self.context.logits(row)

    def prompt_logprobs(self, row: int, tokens: Sequence[int], num_top: int) -> list[TokenLogprob]:
        """See Backend.prompt_logprobs."""
        return read_logprobs(self.context.logits_block(row, len(tokens)), tokens, num_top)

    def forced_tokens(self, request_id: str) -> tuple[int, ...]:
        """See Backend.forced_tokens."""
        mask = self._open[request_id].mask
        return mask.forced_tokens() if mask is not None else ()

    def copy_cells(self, source: int, target: int, end: int) -> None:
        """See Backend.copy_cells."""
        self.context.copy_cells(source, target, end)

    def free_cells(self, slot: int, start: int = 0) -> bool:
        """See Backend.free_cells."""
        return self.context.free_cells(slot, start)

    def save_cells(self, slot: int) -> bytes:
        """See Backend.save_cells."""
        return self.context.save_cells(slot)

    def load_cells(self, slot: int, state: bytes) -> bool:
        """See Backend.load_cells."""
        return self.context.load_cells(slot, state)

    def adapter_digest(self, name: str) -> str:
        """See Backend.adapter_digest."""
        return self._adapters.digest(name)

    def load_adapter(self, name: str, path: Path) -> None:
        """See Backend.load_adapter."""
        self._adapters.load(name, path)

    def unload_adapter(self, name: str) -> None:
        """See Backend.unload_adapter."""
        self._adapters.unload(name)

    def close(self, request_id: str) -> None:
        """See Backend.close."""
        sampling = self._open.pop(request_id, None)
        if sampling is not None:
            sampling.sampler.close()

    def piece(self, token: int, *, with_control: bool = False) -> bytes:
        """See Backend.piece."""
        return self.model.piece(token, with_control=with_control)

    def is_end(self, token: int) -> bool:
        """See Backend.is_end."""
        return self.model.is_end(token)

    def release(self) -> None:
        """Free context and model, in the order llama.cpp needs. The backend is of no use afterwards."""
        for request_id in list(self._open):
            self.close(request_id)
        self._grammars.close()
        self._samplers.close()
        self.context.close()
        self._adapters.close()
        self.model.close()

    def _cell_bytes(self) -> int:
        """K and V of one position over all layers, in the half precision of the cache. 0 where it is not known."""
        layers = architecture(read_header(self.model.path)).layers or ()
        return sum(layer.key_size + layer.value_size for layer in layers) * _CACHE_ELEMENT_BYTES
