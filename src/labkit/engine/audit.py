"""Is what the cache gives the same as computing it? A sample of cache hits is computed again and compared."""

import logging
import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labkit.engine.types import GenerationRequest, SamplingParams

logger = logging.getLogger(__name__)

MAX_DIVERGENCE = 0.05
"""Nats (Kullback-Leibler). Sums over another batch shape differ by rounding, thousandths here; the cells of another
prompt, adapter or position are at 0.3 or more. A mixture of experts may send a token another way by rounding alone
(0.25 seen, between two cold runs): there one failure is a hint, and a row of them is a bug."""
_PREFIX = "audit:"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Divergence of the logits after a cache hit from those of a cold run, in nats."""

    divergence: float

    @property
    def is_same(self) -> bool:
        """Whether rounding explains it."""
        return self.divergence <= MAX_DIVERGENCE


class Auditor:
    """Chooses hits, remembers their logits, and compares. Modifies itself; one loop owns it."""

    def __init__(self, share: float, *, seed: int = 0) -> None:
        self._share = share
        self._random = random.Random(seed)
        self._expected: dict[str, npt.NDArray[np.float32]] = {}

    def wants(self, request: GenerationRequest) -> bool:
        """Whether this hit is to be audited. Draws."""
        names = (request.request_id, _PREFIX + request.request_id)  # the last audit of this id may still be waiting
        return not any(map(self.owns, names)) and self._random.random() < self._share

    def shadow(self, request: GenerationRequest, logits: npt.NDArray[np.float32]) -> GenerationRequest:
        """A cold run of the same prompt, behind everybody else; `logits` (vocab_size,) are those after the hit."""
        request_id = f"{_PREFIX}{request.request_id}"
        self._expected[request_id] = logits.copy()
        return GenerationRequest(
            request_id,
            request.prompt,
            sampling=SamplingParams(temperature=0.0),
            max_tokens=1,
            adapters=request.adapters,
            tenant=request.tenant,
            lane="batch",
            reuse=False,
        )

    def owns(self, request_id: str) -> bool:
        """Whether this request is a shadow, of which no client must hear."""
        return request_id in self._expected

    def judge(self, request_id: str, logits: npt.NDArray[np.float32]) -> Verdict:
        """Compare the cold `logits` (vocab_size,) with those after the hit; a difference is logged as an error."""
        verdict = Verdict(divergence(logits, self._expected[request_id]))
        if not verdict.is_same:
            logger.error("a cache hit differs from a cold run by %.3f nats: %s", verdict.divergence, request_id)
        return verdict

    def forget(self, request_id: str) -> bool:
        """A request has ended. Returns whether it was a shadow."""
        return self._expected.pop(request_id, None) is not None


def divergence(reference: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Kullback-Leibler divergence of two softmax distributions, KL(reference || other), in nats."""
    left, right = _log_softmax(reference), _log_softmax(other)
    return float(np.sum(np.exp(left) * (left - right)))


def _log_softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    shifted = logits.astype(np.float64) - float(logits.max())
    return shifted - np.log(np.sum(np.exp(shifted)))
