"""A model that thinks nothing: it writes whatever a mask allows."""

import numpy as np

from labkit.engine.native.grammar import TokenMask
from labkit.engine.native.model import NativeModel


def write(mask: TokenMask, model: NativeModel, *, seed: int = 0, most: int = 60, draft: bool = False) -> str | None:
    """A random text of the language, or None when it is not finished after `most` tokens.

    With `draft`, forced tokens are drafted and verified as the engine does it.
    """
    chance = np.random.default_rng(seed)
    text = b""
    written = 0
    while written < most:
        proposed = mask.forced_tokens() if draft else ()
        mask.prepare(proposed)
        for expected in (*proposed, -1):
            logits = chance.standard_normal(model.vocab_size).astype(np.float32)
            mask.apply(logits)
            token = int(logits.argmax())
            assert np.isfinite(logits[token])
            mask.accept(token)
            written += 1
            if model.is_end(token):
                return text.decode()
            text += model.piece(token)
            if token != expected:
                break
    return None
