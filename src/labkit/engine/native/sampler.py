"""llama.cpp's native sampler chain, one per sequence."""

import ctypes
import secrets
from collections.abc import Iterable
from typing import Any

import llama_cpp
import numpy as np

from labkit.engine.native.context import NativeContext
from labkit.engine.native.limits import check_sampling
from labkit.engine.native.model import NativeModel
from labkit.engine.types import SamplingParams
from labkit.errors import ForwardError, NativeError

_MIN_KEEP = 1
_RANDOM_SEED = 0xFFFFFFFF
"""llama.cpp draws a seed of its own when it is given this one: never what a client asked for."""
GREEDY_BELOW = 1e-4
"""Temperatures below this take the most probable token: a difference of 0.001 in the logits is a factor of e^10."""
DRY_BREAKERS = (b"\n", b":", b'"', b"*")
"""Repetition is not counted across these (llama.cpp's defaults)."""


class SamplerChain:
    """Chooses tokens after `params`, in llama.cpp's own order.

    Bias, penalties, DRY, top-n-sigma, top-k, typical, top-p, min-p, XTC, temperature, draw. What is turned off is
    left out; with temperature 0 the most probable token after bias, penalties and DRY is taken.
    """

    def __init__(self, params: SamplingParams, model: NativeModel, context_tokens: int) -> None:
        """Build the chain. Raises InvalidRequestError for a parameter out of range."""
        check_sampling(params, model.vocab_size)
        chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        if not chain:
            raise NativeError("no memory for a sampler")
        self._chain: Any = chain
        self._model = model
        self._window = min(params.penalty_window, context_tokens)
        self._seed = (params.seed if params.seed is not None else secrets.randbits(32)) % _RANDOM_SEED
        self._num_samplers = 0
        self._add_bias(params)
        self._add_penalties(params)
        self._remembers = bool(self._num_samplers > bool(params.logit_bias))
        is_greedy = params.temperature < GREEDY_BELOW
        self._is_argmax = is_greedy and not self._num_samplers
        if is_greedy:
            self._add(llama_cpp.llama_sampler_init_greedy())
        else:
            self._add_draw(params)

    def accept_prompt(self, tokens: list[int] | tuple[int, ...]) -> None:
        """Let the penalties see the end of the prompt, as llama-server does."""
        if self._remembers:
            for token in tokens[-self._window :]:
                llama_cpp.llama_sampler_accept(self._chain, token)

    def sample(self, context: NativeContext, row: int) -> int:
        """A token from the logits of batch index `row`; the chain remembers it for its penalties.

        Raises ForwardError when there are no logits, or they are no numbers: native code would abort or choose blindly.
        """
        if self._chain is None:
            raise NativeError("the sampler is closed")
        logits = context.logits(row)
        best = int(logits.argmax())
        if not np.isfinite(logits[best]):
            raise ForwardError("the model computed logits that are no numbers", hint="is the model file damaged?")
        if self._is_argmax:
            return best
        return llama_cpp.llama_sampler_sample(self._chain, context.pointer, row)

    def close(self) -> None:
        """Free it; harmless when called twice."""
        chain, self._chain = self._chain, None
        if chain is not None:
            llama_cpp.llama_sampler_free(chain)

    def _add(self, sampler: Any) -> None:
        # A NULL sampler in a chain kills the process at the first token.
        if not sampler or self._chain is None:
            self.close()
            raise NativeError("llama.cpp refused a sampler")
        llama_cpp.llama_sampler_chain_add(self._chain, sampler)
        self._num_samplers += 1

    def _add_bias(self, params: SamplingParams) -> None:
        if not params.logit_bias:
            return
        biases = (llama_cpp.llama_logit_bias * len(params.logit_bias))(
            *(llama_cpp.llama_logit_bias(token, bias) for token, bias in params.logit_bias)
        )
        self._add(llama_cpp.llama_sampler_init_logit_bias(self._model.vocab_size, len(biases), biases))

    def _add_penalties(self, params: SamplingParams) -> None:
        penalties = params.repetition_penalty, params.frequency_penalty, params.presence_penalty
        if self._window and penalties != (1.0, 0.0, 0.0):
            self._add(llama_cpp.llama_sampler_init_penalties(self._model.vocab_size, self._window, *penalties))
        if self._window and params.dry_multiplier > 0:
            self._add(
                llama_cpp.llama_sampler_init_dry(
                    self._model.vocab,
                    params.dry_multiplier,
                    params.dry_base,
                    params.dry_allowed_length,
                    self._window,
                    (ctypes.c_char_p * len(DRY_BREAKERS))(*DRY_BREAKERS),
                    len(DRY_BREAKERS),
                )
            )

    def _add_draw(self, params: SamplingParams) -> None:
        for sampler in _truncations(params, self._seed):
            self._add(sampler)
        self._add(llama_cpp.llama_sampler_init_temp(params.temperature))
        self._add(llama_cpp.llama_sampler_init_dist(self._seed))


def _truncations(params: SamplingParams, seed: int) -> Iterable[Any]:
    """Samplers that rule tokens out, those that are on, in llama.cpp's order."""
    if params.top_n_sigma > 0:
        yield llama_cpp.llama_sampler_init_top_n_sigma(params.top_n_sigma)
    if params.top_k > 0:
        yield llama_cpp.llama_sampler_init_top_k(params.top_k)
    if params.typical_p < 1:
        yield llama_cpp.llama_sampler_init_typical(params.typical_p, _MIN_KEEP)
    if params.top_p < 1:
        yield llama_cpp.llama_sampler_init_top_p(params.top_p, _MIN_KEEP)
    if params.min_p > 0:
        yield llama_cpp.llama_sampler_init_min_p(params.min_p, _MIN_KEEP)
    if params.xtc_probability > 0 and params.xtc_threshold <= 0.5:
        yield llama_cpp.llama_sampler_init_xtc(params.xtc_probability, params.xtc_threshold, _MIN_KEEP, seed)
