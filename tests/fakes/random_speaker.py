"""A model that knows nothing: it says whatever a grammar leaves it, by chance. The grammar alone makes sense of it."""

import random

import llguidance
import numpy as np

from fakes.read_answers import BYTES

_FREE = 150  # so many possible bytes are free text


class RandomSpeaker:
    """Writes texts of a language, byte by byte; `ends` are texts that it tries now and then, to come to an end."""

    def __init__(self, lark, ends, seed):
        self._matcher = llguidance.LLMatcher(BYTES, llguidance.LLMatcher.grammar_from_lark(lark), log_level=0)
        assert not self._matcher.is_error(), self._matcher.get_error()
        self._ends = [end.encode() for end in ends if end]
        self._rng = random.Random(seed)

    def speak(self, most=4000):
        """A whole text of the language, or None when it was not over after `most` bytes."""
        said = b""
        while len(said) < most:
            if self._matcher.is_stopped() or (self._matcher.is_accepting() and self._rng.random() < 0.5):
                return said.decode()
            said += self._step()
        return None

    def _step(self):
        allowed = self._allowed()
        if len(allowed) > _FREE or self._rng.random() < 0.1:
            for end in self._rng.sample(self._ends, len(self._ends)):
                if self._matcher.validate_tokens(list(end)) == len(end):
                    assert self._matcher.consume_tokens(list(end))
                    return end
        letters = [byte for byte in allowed if chr(byte).isalnum() and byte < 128]
        byte = self._rng.choice(letters if len(allowed) > _FREE and letters else sorted(allowed))
        assert self._matcher.consume_token(byte)
        return bytes([byte])

    def _allowed(self):
        bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8), bitorder="little")
        allowed = [int(token) for token in np.flatnonzero(bits) if token < 256]
        return [token for token in allowed if token < 128] or allowed  # no half characters, where there is a choice
