"""Tensors before they have bytes, and the pieces that layers of many architectures share.

Spread, so that no number runs away and text does not stand still: a matrix with n inputs has standard deviation
gain / sqrt(n), so a normalized input (mean square 1) gives outputs of about `gain`. Queries and keys have a gain of
1.4, so attention scores have a deviation of about 2: neither uniform nor all on one token.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from labkit.engine.synthetic.shape import ExpertShape, SyntheticShape

QK_GAIN = 1.4
BIAS_DEVIATION = 0.1


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """One tensor before it has bytes.

    Attributes:
        dimensions: with the fastest first, as GGUF writes them.
        mean: of its values; 0 for everything that may be quantized.
        deviation: standard deviation of its values.
    """

    name: str
    dimensions: tuple[int, ...]
    mean: float
    deviation: float

    @property
    def num_elements(self) -> int:
        """Numbers in the tensor."""
        return math.prod(self.dimensions)


Part = Iterator[TensorPlan]


def matrix(name: str, inputs: int, outputs: int, *more: int, gain: float = 1.0) -> TensorPlan:
    """A weight matrix of `inputs` x `outputs` (x experts)."""
    return TensorPlan(f"{name}.weight", (inputs, outputs, *more), 0.0, gain / math.sqrt(inputs))


def norm(name: str, size: int, gain: float = 1.0) -> TensorPlan:
    """Gains of a normalization, all near `gain`."""
    return TensorPlan(f"{name}.weight", (size,), gain, 0.1 * gain)


def bias(name: str, *dimensions: int) -> TensorPlan:
    """Small offsets."""
    return TensorPlan(f"{name}.bias", dimensions, 0.0, BIAS_DEVIATION)


def attention(shape: SyntheticShape, *, query_parts: int = 1) -> Part:
    """Q, K, V and the output projection. `query_parts` is 2 where a gate comes out of the same matrix as Q."""
    hidden = shape.hidden_size
    yield matrix("attn_q", hidden, query_parts * shape.query_size, gain=QK_GAIN)
    yield matrix("attn_k", hidden, shape.kv_size, gain=QK_GAIN)
    yield matrix("attn_v", hidden, shape.kv_size)
    yield matrix("attn_output", shape.query_size, hidden)


def attention_bias(shape: SyntheticShape) -> Part:
    """Offsets of Q, K and V."""
    yield bias("attn_q", shape.query_size)
    yield bias("attn_k", shape.kv_size)
    yield bias("attn_v", shape.kv_size)


def head_norms(shape: SyntheticShape) -> Part:
    """Normalization of each head of Q and K."""
    yield norm("attn_q_norm", shape.head_dim, QK_GAIN)
    yield norm("attn_k_norm", shape.head_dim, QK_GAIN)


def feed_forward(shape: SyntheticShape) -> Part:
    """A gated feed-forward block."""
    hidden, inner = shape.hidden_size, shape.ffn_size
    yield matrix("ffn_gate", hidden, inner)
    yield matrix("ffn_up", hidden, inner)
    yield matrix("ffn_down", inner, hidden)


def experts(shape: SyntheticShape, block: ExpertShape) -> Part:
    """A router and a gated block for each expert."""
    hidden, inner, count = shape.hidden_size, block.expert_ffn_size, block.num_experts
    yield matrix("ffn_gate_inp", hidden, count)
    yield matrix("ffn_gate_exps", hidden, inner, count)
    yield matrix("ffn_up_exps", hidden, inner, count)
    yield matrix("ffn_down_exps", inner, hidden, count)


def shared_expert(shape: SyntheticShape, block: ExpertShape) -> Part:
    """The gated block that every token passes."""
    hidden, inner = shape.hidden_size, block.shared_ffn_size
    yield matrix("ffn_gate_shexp", hidden, inner)
    yield matrix("ffn_up_shexp", hidden, inner)
    yield matrix("ffn_down_shexp", inner, hidden)
