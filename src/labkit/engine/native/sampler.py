"""How the next token of one sequence is chosen: llama.cpp's native samplers, over as few tokens as it takes."""

import math
import random
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import llama_cpp
import numpy as np

from labkit.engine.native.candidates import Candidates, Logits
from labkit.engine.native.chain import NativeChain
from labkit.engine.native.context import NativeContext
from labkit.engine.native.limits import check_sampling
from labkit.engine.native.model import NativeModel
from labkit.engine.native.penalties import DryTemplates, Penalties
from labkit.engine.types import SamplingParams
from labkit.errors import ForwardError

_MIN_KEEP = 1
_RANDOM_SEED = 0xFFFFFFFF
"""llama.cpp draws a seed of its own when it is given this one: never what a client asked for."""
GREEDY_BELOW = 1e-4
"""Temperatures below this take the most probable token: a difference of 0.001 in the logits is a factor of e^10."""
Choice = Literal["argmax", "draw", "nucleus", "narrow", "all"]
"""How the candidates are found: the best; by probability alone; top-p; by top-k, min-p or top-n-sigma; all."""


class SamplerFactory:
    """What the samplers of one model share. For one thread."""

    def __init__(self, model: NativeModel, context_tokens: int) -> None:
        """Penalties look back on `context_tokens` at most."""
        self.vocab_size: int = model.vocab_size
        self.context_tokens = context_tokens
        self.candidates = Candidates(model.vocab_size)
        self.templates = DryTemplates(model)

    def make(self, params: SamplingParams) -> "Sampler":
        """A sampler for one sequence. Raises InvalidRequestError for a parameter out of range."""
        check_sampling(params, self.vocab_size)
        return Sampler(params, self)

    def close(self) -> None:
        """Free what is native; samplers that were made live on."""
        self.templates.close()


class Sampler:
    """Chooses tokens after `params`, in llama.cpp's own order.

    Bias, penalties, DRY, top-n-sigma, top-k, typical, top-p, min-p, XTC, temperature, draw. What is turned off is
    left out; with temperature 0 the most probable token after bias, penalties and DRY is taken.
    """

    def __init__(self, params: SamplingParams, factory: SamplerFactory) -> None:
        """Use `SamplerFactory.make`, which checks the parameters."""
        seed = (params.seed if params.seed is not None else secrets.randbits(32)) % _RANDOM_SEED
        window = min(params.penalty_window, factory.context_tokens)
        self._params = params
        self._candidates = factory.candidates
        self.choice = choose(params)
        self._random = random.Random(seed)
        self._penalties = Penalties(params, window, factory.vocab_size, factory.templates)
        self._cuts = NativeChain(_cuts(params))
        self._draw = NativeChain(_draw(params, seed))

    def accept_prompt(self, tokens: Sequence[int]) -> None:
        """Let the penalties see the end of the prompt, as llama-server does."""
        window = self._params.penalty_window
        self._penalties.accept(tokens[-window:] if window else ())

    def sample(self, context: NativeContext, row: int) -> int:
        """A token from the logits of batch index `row`, which stay as they are; penalties remember it.

        Raises ForwardError when there are no logits, or they are no numbers: llama.cpp would abort or choose blindly.
        """
        _ = self._draw.pointer
        logits, candidates = context.logits(row), self._candidates
        if self._penalties.is_on:
            np.copyto(candidates.modified, logits)
            logits = candidates.modified
            self._penalties.apply(logits, candidates)
        best = int(logits.argmax())
        if not math.isfinite(logits[best]):
            raise ForwardError("the model computed logits that are no numbers", hint="is the model file damaged?")
        token = best if self.choice == "argmax" else self._choose(logits, float(logits[best]))
        self._penalties.accept((token,))
        return token

    def _choose(self, logits: Logits, best: float) -> int:
        params, candidates = self._params, self._candidates
        if self.choice == "draw":
            return candidates.draw(logits, best, params.temperature, self._random.random())
        if self.choice == "nucleus":
            tokens = candidates.nucleus(logits, best, params.top_p)
            candidates.fill(logits, tokens, is_sorted=tokens is not None)
            is_cut = tokens is not None
        else:
            candidates.fill(logits, self._narrow(logits, best) if self.choice == "narrow" else None)
            is_cut = not self._cuts.length
        if not is_cut:
            candidates.apply(self._cuts.pointer)
        candidates.apply(self._draw.pointer)
        return candidates.selected()

    def _narrow(self, logits: Logits, best: float) -> Any:
        """The tokens that top-n-sigma leaves, and the best of them where top-k or min-p come next."""
        params, bound = self._params, -math.inf
        if params.top_n_sigma > 0:
            finite = logits[np.isfinite(logits)]
            bound = best - params.top_n_sigma * float(finite.std(dtype=np.float64))
        if params.min_p > 0 and params.typical_p >= 1 and params.top_p >= 1:
            bound = max(bound, best + math.log(params.min_p))
        if params.top_k > 0:
            tokens = self._candidates.largest(logits, params.top_k)
            return tokens[logits[tokens] >= bound]
        return self._candidates.at_least(logits, bound)

    def close(self) -> None:
        """Free what is native; harmless when called twice."""
        for part in (self._penalties, self._cuts, self._draw):
            part.close()


def choose(params: SamplingParams) -> Choice:
    """The cheapest way to the same distribution."""
    if params.temperature < GREEDY_BELOW:
        return "argmax"
    if params.top_k > 0 or params.top_n_sigma > 0:
        return "narrow"
    if params.typical_p < 1:
        return "all"
    if params.top_p < 1:
        return "nucleus"
    if params.min_p > 0:
        return "narrow"
    return "all" if _uses_xtc(params) else "draw"


def _uses_xtc(params: SamplingParams) -> bool:
    return params.xtc_probability > 0 and params.xtc_threshold <= 0.5


def _cuts(params: SamplingParams) -> Iterator[Any]:
    """Samplers that rule tokens out by rank or mass, those that are on, in llama.cpp's order."""
    if params.top_k > 0:
        yield llama_cpp.llama_sampler_init_top_k(params.top_k)
    if params.typical_p < 1:
        yield llama_cpp.llama_sampler_init_typical(params.typical_p, _MIN_KEEP)
    if params.top_p < 1:
        yield llama_cpp.llama_sampler_init_top_p(params.top_p, _MIN_KEEP)


def _draw(params: SamplingParams, seed: int) -> Iterator[Any]:
    """Samplers behind the cuts, in llama.cpp's order; the last one chooses."""
    if params.min_p > 0:
        yield llama_cpp.llama_sampler_init_min_p(params.min_p, _MIN_KEEP)
    if _uses_xtc(params):
        yield llama_cpp.llama_sampler_init_xtc(params.xtc_probability, params.xtc_threshold, _MIN_KEEP, seed)
    yield llama_cpp.llama_sampler_init_temp(max(params.temperature, GREEDY_BELOW))
    yield llama_cpp.llama_sampler_init_dist(seed)
