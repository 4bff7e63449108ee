"""Log-probabilities of tokens, as OpenAI means them: of the model itself, before temperature, penalties or masks."""

import numpy as np
import numpy.typing as npt

from labkit.engine.types import TokenLogprob


class LogprobReader:
    """What is needed of one row of logits to name the log-probability of whichever token is sampled from it.

    Reads at construction, so that a mask may be written over the logits afterwards.
    """

    def __init__(self, logits: npt.NDArray[np.float32], num_top: int) -> None:
        """`logits`: shape (vocab_size,), raw. `num_top`: most probable tokens to name beside the sampled one."""
        self._logits = logits
        self._log_sum = log_sum_exp(logits)
        top = most_probable(logits, num_top)
        self._top = tuple((int(token), float(logits[token]) - self._log_sum) for token in top)

    def of(self, token: int) -> TokenLogprob:
        """The log-probability of `token`, which no mask has ruled out, and those of the most probable tokens."""
        return TokenLogprob(token, float(self._logits[token]) - self._log_sum, self._top)


def log_sum_exp(logits: npt.NDArray[np.float32]) -> float:
    """log(sum(exp(logits))); terms in float32, their sum in float64."""
    largest = logits.max()
    return float(largest) + float(np.log(np.exp(logits - largest).sum(dtype=np.float64)))


def most_probable(logits: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.intp]:
    """The `count` tokens with the largest logits, best first, lower ids first among equals."""
    count = min(count, len(logits))
    if not count:
        return np.empty(0, np.intp)
    threshold = np.partition(logits, len(logits) - count)[len(logits) - count]
    candidates = np.flatnonzero(logits >= threshold)
    return candidates[np.argsort(-logits[candidates], kind="stable")][:count]
