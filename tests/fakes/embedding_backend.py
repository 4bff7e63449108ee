"""An embedding backend that counts instead of thinking: the vector of an input is (its sum, its length, 1)."""

import numpy as np

from labkit.errors import ForwardError


class FakeEmbeddingBackend:
    """Records forwards. Inputs that hold a token of `bad` break their forward; `broken` ones give infinity."""

    def __init__(self, *, sequence_tokens=16, batch_tokens=16, max_inputs=8, bad=(), broken=(), explode=False):
        self.sequence_tokens = sequence_tokens
        self.batch_tokens = batch_tokens
        self.max_inputs = max_inputs
        self.vocab_size = 1000
        self.size = 3
        self.bad, self.broken, self.explode = set(bad), set(broken), explode
        self.forwards = []
        self.is_prepared = False

    def prepare(self):
        self.is_prepared = True

    def forward(self, inputs):
        self.forwards.append([tuple(tokens) for tokens in inputs])
        if self.explode:
            raise RuntimeError("a bug")
        if any(self.bad & set(tokens) for tokens in inputs):
            raise ForwardError("llama_decode failed")
        return [self.vector(tokens) for tokens in inputs]

    def vector(self, tokens):
        values = [np.inf if self.broken & set(tokens) else sum(tokens), len(tokens), 1]
        return np.array(values, np.float32)
