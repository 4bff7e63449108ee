"""Which sampling parameters native code survives and makes sense of."""

from labkit.engine.types import SamplingParams
from labkit.errors import InvalidRequestError

RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 100.0),
    "top_k": (0, 2**31 - 1),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "typical_p": (0.0, 1.0),
    "top_n_sigma": (-1.0, 1e6),
    "xtc_probability": (0.0, 1.0),
    "xtc_threshold": (0.0, 1.0),
    "dry_multiplier": (0.0, 1e3),
    "dry_base": (1.0, 1e3),
    "dry_allowed_length": (0, 2**31 - 1),
    "presence_penalty": (-1e3, 1e3),
    "frequency_penalty": (-1e3, 1e3),
    "repetition_penalty": (1e-3, 1e3),
    "penalty_window": (0, 2**31 - 1),
}
MAX_BIAS = 1e6


def check_sampling(params: SamplingParams, vocab_size: int) -> None:
    """Raise InvalidRequestError, with the field as `param`, for a value that is no number or out of its range."""
    for name, (low, high) in RANGES.items():
        value = getattr(params, name)
        # An integer field that got a fraction would be refused by ctypes in the middle of building the chain.
        if isinstance(low, int) and not isinstance(value, int):
            raise InvalidRequestError(f"{name} must be an integer, not {value}", param=name)
        if not low <= value <= high:
            raise InvalidRequestError(f"{name} must be between {low:g} and {high:g}, not {value}", param=name)
    for token, bias in params.logit_bias:
        if not 0 <= token < vocab_size:
            raise InvalidRequestError(f"token id {token} is outside the vocabulary of {vocab_size}", param="logit_bias")
        if not -MAX_BIAS <= bias <= MAX_BIAS:
            raise InvalidRequestError(f"{bias} is no bias for a logit", param="logit_bias")
