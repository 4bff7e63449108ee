"""llama.cpp's native sampler chain, one per sequence."""

import secrets
from typing import Any

import llama_cpp

from labkit.engine.native.context import NativeContext
from labkit.engine.types import SamplingParams
from labkit.errors import InvalidRequestError, NativeError

_PENALTY_WINDOW = 256
"""Tokens looked back on by the penalties."""
_MIN_KEEP = 1
_RANDOM_SEED = 0xFFFFFFFF
"""llama.cpp draws a seed of its own when it is given this one: never what a client asked for."""


class SamplerChain:
    """Chooses tokens after `params`, in llama.cpp's own order: bias, penalties, truncation, temperature, draw."""

    def __init__(self, params: SamplingParams, vocab_size: int) -> None:
        """Build the chain. Raises InvalidRequestError for a token id outside the vocabulary."""
        chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        if not chain:
            raise NativeError("no memory for a sampler")
        self._chain: Any = chain
        self._vocab_size = vocab_size
        self._add_bias(params)
        self._add_penalties(params)
        self._add_choice(params)

    def sample(self, context: NativeContext, row: int) -> int:
        """A token from the logits of batch index `row`; the chain remembers it for its penalties."""
        if self._chain is None:
            raise NativeError("the sampler is closed")
        return llama_cpp.llama_sampler_sample(self._chain, context.pointer, row)

    def close(self) -> None:
        """Free it; harmless when called twice."""
        if self._chain is not None:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None

    def _add(self, sampler: Any) -> None:
        # A NULL sampler in a chain kills the process at the first token.
        if not sampler or self._chain is None:
            raise NativeError("llama.cpp refused a sampler")
        llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def _add_bias(self, params: SamplingParams) -> None:
        if not params.logit_bias:
            return
        for token, _ in params.logit_bias:
            if not 0 <= token < self._vocab_size:
                raise InvalidRequestError(
                    f"token id {token} is outside the vocabulary of {self._vocab_size}", param="logit_bias"
                )
        biases = (llama_cpp.llama_logit_bias * len(params.logit_bias))(
            *(llama_cpp.llama_logit_bias(token, bias) for token, bias in params.logit_bias)
        )
        self._add(llama_cpp.llama_sampler_init_logit_bias(self._vocab_size, len(biases), biases))

    def _add_penalties(self, params: SamplingParams) -> None:
        if (params.repetition_penalty, params.frequency_penalty, params.presence_penalty) == (1.0, 0.0, 0.0):
            return
        self._add(
            llama_cpp.llama_sampler_init_penalties(
                self._vocab_size,
                _PENALTY_WINDOW,
                params.repetition_penalty,
                params.frequency_penalty,
                params.presence_penalty,
            )
        )

    def _add_choice(self, params: SamplingParams) -> None:
        if params.temperature <= 0:
            self._add(llama_cpp.llama_sampler_init_greedy())
            return
        if params.top_k > 0:
            self._add(llama_cpp.llama_sampler_init_top_k(params.top_k))
        if params.top_p < 1:
            self._add(llama_cpp.llama_sampler_init_top_p(params.top_p, _MIN_KEEP))
        if params.min_p > 0:
            self._add(llama_cpp.llama_sampler_init_min_p(params.min_p, _MIN_KEEP))
        self._add(llama_cpp.llama_sampler_init_temp(params.temperature))
        seed = params.seed if params.seed is not None else secrets.randbits(32)
        self._add(llama_cpp.llama_sampler_init_dist(seed % _RANDOM_SEED))
