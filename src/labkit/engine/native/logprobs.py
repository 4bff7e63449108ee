"""Log-probabilities of tokens, as OpenAI means them: of the model itself, before temperature, penalties or masks."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from labkit.engine.types import TokenLogprob
from labkit.errors import ForwardError

_BLOCK_LOGITS = 1 << 18
"""Logits that are looked at in one go: a megabyte of scratch memory."""


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


def read_logprobs(logits: npt.NDArray[np.float32], tokens: Sequence[int], num_top: int) -> list[TokenLogprob]:
    """Log-probability of each token under its own row, with the `num_top` most probable ones of that row.

    `logits`: shape (number of tokens, vocab_size), raw. Raises ForwardError when they are no numbers.
    """
    step = max(1, _BLOCK_LOGITS // logits.shape[1])
    found: list[TokenLogprob] = []
    for start in range(0, len(tokens), step):
        found += _read_block(logits[start : start + step], np.asarray(tokens[start : start + step]), num_top)
    return found


def _read_block(logits: npt.NDArray[np.float32], tokens: npt.NDArray[np.intp], num_top: int) -> list[TokenLogprob]:
    largest = logits.max(axis=1, keepdims=True)
    mass = np.exp(logits - largest)
    log_sums = largest[:, 0].astype(np.float64) + np.log(mass.sum(axis=1, dtype=np.float64))
    if not np.isfinite(log_sums).all():
        raise ForwardError("the model computed logits that are no numbers", hint="is the model file damaged?")
    chosen = logits[np.arange(len(tokens)), tokens] - log_sums
    tops = _tops(logits, log_sums, num_top)
    return [
        TokenLogprob(token, logprob, top)
        for token, logprob, top in zip(tokens.tolist(), chosen.tolist(), tops, strict=True)
    ]


def _tops(
    logits: npt.NDArray[np.float32], log_sums: npt.NDArray[np.float64], num_top: int
) -> list[tuple[tuple[int, float], ...]]:
    if num_top == 1:  # what evaluations ask for, to see whether a token is the best one
        best = logits.argmax(axis=1)
        values = logits[np.arange(len(best)), best] - log_sums
        return [((token, value),) for token, value in zip(best.tolist(), values.tolist(), strict=True)]
    tops = [most_probable(row, num_top) for row in logits]
    return [
        tuple(zip(top.tolist(), (row[top] - log_sum).tolist(), strict=True))
        for row, top, log_sum in zip(logits, tops, log_sums, strict=True)
    ]


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
