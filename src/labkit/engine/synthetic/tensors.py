"""Names, shapes and spread of every tensor of a model, by llama.cpp's rules (src/models/*.cpp of version 0.3.36).

Spread, so that no number runs away and text does not stand still: a matrix with n inputs has standard deviation
gain / sqrt(n), so a normalized input (mean square 1) gives outputs of about `gain`. Queries and keys have a gain of
1.4, so attention scores have a deviation of about 2: neither uniform nor all on one token. Embeddings are small beside
what the layers add, so a tied head does not simply repeat its input, and the final norm makes up for it: logits have
a deviation of about 2.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from labkit.engine.synthetic.shape import SyntheticShape
from labkit.errors import InputError

QK_GAIN = 1.4
LOGIT_DEVIATION = 2.0
BIAS_DEVIATION = 0.1
SCALED_EMBEDDING = {"gemma3"}  # these multiply the embedding by sqrt(n_embd)


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


def plan_tensors(shape: SyntheticShape) -> tuple[TensorPlan, ...]:
    """Every tensor of a model in file order. Pure. Raises InputError for an architecture without a rule."""
    layer = LAYERS.get(shape.architecture)
    if layer is None:
        raise InputError(
            f"labkit cannot imitate a '{shape.architecture}' model",
            hint=f"these it can: {', '.join(sorted(LAYERS))}",
        )
    plans = list(_ends(shape))
    for number in range(shape.num_layers):
        plans += [_in_layer(number, plan) for plan in layer(shape, number)]
    return tuple(plans)


def _in_layer(number: int, plan: TensorPlan) -> TensorPlan:
    return TensorPlan(f"blk.{number}.{plan.name}", plan.dimensions, plan.mean, plan.deviation)


def matrix(name: str, inputs: int, outputs: int, *more: int, gain: float = 1.0) -> TensorPlan:
    """A weight matrix of `inputs` x `outputs` (x experts)."""
    return TensorPlan(f"{name}.weight", (inputs, outputs, *more), 0.0, gain / math.sqrt(inputs))


def norm(name: str, size: int, gain: float = 1.0) -> TensorPlan:
    """Gains of a normalization, all near `gain`."""
    return TensorPlan(f"{name}.weight", (size,), gain, 0.1 * gain)


def bias(name: str, *dimensions: int) -> TensorPlan:
    """Small offsets."""
    return TensorPlan(f"{name}.bias", dimensions, 0.0, BIAS_DEVIATION)


def _ends(shape: SyntheticShape) -> Part:
    """What stands before and behind the layers."""
    hidden, vocabulary = shape.hidden_size, shape.vocab_size
    embedding_gain = 0.2 if shape.architecture in SCALED_EMBEDDING else 1.0
    head_gain = embedding_gain if shape.tied_embeddings else 1.0
    yield TensorPlan("token_embd.weight", (hidden, vocabulary), 0.0, embedding_gain / math.sqrt(hidden))
    yield norm("output_norm", hidden, LOGIT_DEVIATION / head_gain)
    if not shape.tied_embeddings:
        yield matrix("output", hidden, vocabulary)
    if shape.rope_factors:
        yield TensorPlan("rope_freqs.weight", (shape.head_dim // 2,), 1.0, 0.0)


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


def _llama(shape: SyntheticShape, _layer: int) -> Part:
    yield norm("attn_norm", shape.hidden_size)
    yield from attention(shape)
    yield norm("ffn_norm", shape.hidden_size)
    yield from feed_forward(shape)


def _qwen2(shape: SyntheticShape, layer: int) -> Part:
    yield from _llama(shape, layer)
    yield from attention_bias(shape)


LAYERS: dict[str, Callable[[SyntheticShape, int], Part]] = {
    "llama": _llama,
    "qwen2": _qwen2,
}
