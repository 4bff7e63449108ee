"""Bias, penalties and DRY: what changes the logits of a few tokens before any choice is made."""

import ctypes
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from typing import Any

import llama_cpp
import numpy as np

from labkit.engine.native.candidates import Candidates, Logits
from labkit.engine.native.chain import NativeChain
from labkit.engine.native.model import NativeModel
from labkit.engine.types import SamplingParams

DRY_BREAKERS = (b"\n", b":", b'"', b"*")
"""Repetition is not counted across these (llama.cpp's defaults)."""
_MAX_TEMPLATES = 8


class DryTemplates:
    """DRY samplers to copy from: to find the breakers in a vocabulary of 152,000 tokens takes 40 ms, a copy none."""

    def __init__(self, model: NativeModel) -> None:
        self._model = model
        self._templates: OrderedDict[tuple[float, float, int, int], Any] = OrderedDict()

    def make(self, params: SamplingParams, window: int) -> Any:
        """A new sampler, without memory. The caller owns it."""
        key = (params.dry_multiplier, params.dry_base, params.dry_allowed_length, window)
        template = self._templates.get(key)
        if template is None:
            breakers = (ctypes.c_char_p * len(DRY_BREAKERS))(*DRY_BREAKERS)
            template = llama_cpp.llama_sampler_init_dry(self._model.vocab, *key, breakers, len(DRY_BREAKERS))
            self._templates[key] = template
            if len(self._templates) > _MAX_TEMPLATES:
                llama_cpp.llama_sampler_free(self._templates.popitem(last=False)[1])
        self._templates.move_to_end(key)
        return llama_cpp.llama_sampler_clone(template)

    def close(self) -> None:
        """Free the templates; copies live on."""
        while self._templates:
            llama_cpp.llama_sampler_free(self._templates.popitem()[1])


class Penalties:
    """Bias and penalties of one sequence. Native samplers see the tokens of the window only: others do not change."""

    def __init__(self, params: SamplingParams, window: int, vocab_size: int, templates: DryTemplates) -> None:
        """`window`: how many tokens are looked back on."""
        biases: Counter[int] = Counter()
        for token, bias in params.logit_bias:
            biases[token] += bias  # pyright: ignore[reportArgumentType]
        self._bias_tokens = np.fromiter(biases.keys(), np.int64, len(biases))
        self._biases = np.fromiter(biases.values(), np.float32, len(biases))
        self._chain = NativeChain(_samplers(params, window, vocab_size, templates))
        self._window: deque[int] = deque(maxlen=window)
        self._counts: Counter[int] = Counter()

    @property
    def is_on(self) -> bool:
        """Whether any of it changes anything."""
        return bool(self._chain.length or len(self._biases))

    def accept(self, tokens: Iterable[int]) -> None:
        """Remember tokens of the sequence."""
        if not self._chain.length:
            return
        for token in tokens:
            if len(self._window) == self._window.maxlen:
                oldest = self._window[0]
                self._counts[oldest] -= 1
                if not self._counts[oldest]:
                    del self._counts[oldest]
            self._window.append(token)
            self._counts[token] += 1
            self._chain.accept(token)

    def apply(self, logits: Logits, candidates: Candidates) -> None:
        """Change `logits`, shape (vocab_size,), in place."""
        if len(self._biases):
            logits[self._bias_tokens] += self._biases
        if self._counts:
            candidates.fill(logits, np.fromiter(self._counts, np.int64, len(self._counts)))
            candidates.apply(self._chain.pointer)
            candidates.write_back(logits)

    def close(self) -> None:
        """Free the native part; harmless when called twice."""
        self._chain.close()


def _samplers(params: SamplingParams, window: int, vocab_size: int, templates: DryTemplates) -> Iterator[Any]:
    penalties = params.repetition_penalty, params.frequency_penalty, params.presence_penalty
    if window and penalties != (1.0, 0.0, 0.0):
        yield llama_cpp.llama_sampler_init_penalties(vocab_size, window, *penalties)
    if window and params.dry_multiplier > 0:
        yield templates.make(params, window)
