"""A small transformer of the qwen3 architecture in plain torch: what labkit-nano is before it becomes a GGUF file.

Grouped-query attention with RMS-normed queries and keys, rotary positions (NeoX halves), gated SiLU feed-forward, tied
embeddings. Norms have no learned gains (the GGUF file gets constants), which saves a third of the memory traffic; on a
CPU that, not arithmetic, is what a model this small waits for. For the same reason norm and rotation have hand-written
gradients, and the last layer and the output only see the positions that are trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SHARPNESS = 2.0
"""Gain of the normed queries. With 1, attention could favour no token by more than e^8, little for exact copying."""


@dataclass(frozen=True)
class TinyModelConfig:
    """Sizes. `context_tokens` bounds the positions, `num_kv_heads` must divide `num_heads`."""

    vocab_size: int
    hidden_size: int = 256
    num_layers: int = 6
    num_heads: int = 4
    num_kv_heads: int = 2
    head_size: int = 64
    ffn_size: int = 512
    context_tokens: int = 1024
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-6


class _UnitNorm(torch.autograd.Function):
    """x / rms(x) over the last axis."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, epsilon: float) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = norm.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        y = x * scale
        ctx.save_for_backward(y, scale)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        y, scale = ctx.saved_tensors
        share = (gradients[0] * y).mean(dim=-1, keepdim=True)
        return torch.addcmul(gradients[0], y, share, value=-1).mul_(scale), None


class _Rotate(torch.autograd.Function):
    """Rotary positions on [tokens, heads, head_size]; cos and sin are [tokens, 1, head_size / 2]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotate_halves(x, cos, sin, 1.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _rotate_halves(gradients[0], cos, sin, -1.0), None, None


def _rotate_halves(x: Tensor, cos: Tensor, sin: Tensor, direction: float) -> Tensor:
    left, right = x.chunk(2, dim=-1)
    turned = torch.empty_like(x, memory_format=torch.contiguous_format)
    turned_left, turned_right = turned.chunk(2, dim=-1)
    torch.mul(left, cos, out=turned_left).addcmul_(right, sin, value=-direction)
    torch.mul(right, cos, out=turned_right).addcmul_(left, sin, value=direction)
    return turned


def unit_norm(x: Tensor, epsilon: float) -> Tensor:
    """RMS norm without a gain."""
    return _UnitNorm.apply(x, epsilon)  # pyright: ignore[reportReturnType]


def rotary_tables(config: TinyModelConfig) -> tuple[Tensor, Tensor]:
    """cos and sin, each [context, 1, head_size / 2]."""
    half = config.head_size // 2
    rates = config.rope_base ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.outer(torch.arange(config.context_tokens, dtype=torch.float64), rates)[:, None]
    return angles.cos().float(), angles.sin().float()


class Attention(nn.Module):
    """Causal grouped-query attention."""

    def __init__(self, config: TinyModelConfig) -> None:
        super().__init__()
        self.config = config
        size = config.head_size
        self.q_proj = nn.Linear(config.hidden_size, config.num_heads * size, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, config.num_kv_heads * size, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, config.num_kv_heads * size, bias=False)
        self.o_proj = nn.Linear(config.num_heads * size, config.hidden_size, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, lengths: list[int]) -> Tensor:
        """[tokens, hidden] -> [tokens, heads * head_size], before the output projection."""
        heads, kv_heads = self.config.num_heads, self.config.num_kv_heads
        weights = torch.cat((self.q_proj.weight, self.k_proj.weight, self.v_proj.weight))
        qkv = functional.linear(x, weights).view(len(x), -1, self.config.head_size)
        qk = unit_norm(qkv[:, : heads + kv_heads], self.config.norm_epsilon)
        qk = _Rotate.apply(qk, cos, sin)
        assert qk is not None
        k = qk[:, heads:].repeat_interleave(heads // kv_heads, dim=1)
        v = qkv[:, heads + kv_heads :].repeat_interleave(heads // kv_heads, dim=1)
        return self._mix(qk[:, :heads], k, v, lengths).flatten(1)

    def _mix(self, q: Tensor, k: Tensor, v: Tensor, lengths: list[int]) -> Tensor:
        """Attention inside each conversation, [tokens, heads, head_size] -> the same: no padding anywhere."""
        scale = SHARPNESS * self.config.head_size**-0.5
        rows = zip(*(part.transpose(0, 1)[None].split(lengths, dim=2) for part in (q, k, v)), strict=True)
        mixed = [functional.scaled_dot_product_attention(*row, is_causal=True, scale=scale)[0] for row in rows]
        return torch.cat(mixed, dim=1).transpose(0, 1)


class FeedForward(nn.Module):
    """Gated SiLU."""

    def __init__(self, config: TinyModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.ffn_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.ffn_size, bias=False)
        self.down_proj = nn.Linear(config.ffn_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[tokens, hidden] -> the same."""
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Attention and feed-forward, each added to the stream after a norm."""

    def __init__(self, config: TinyModelConfig) -> None:
        super().__init__()
        self.epsilon = config.norm_epsilon
        self.self_attn = Attention(config)
        self.mlp = FeedForward(config)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, lengths: list[int], positions: Tensor | None = None
    ) -> Tensor:
        """[tokens, hidden] -> the same, or [len(positions), hidden]."""
        mixed = self.self_attn(unit_norm(x, self.epsilon), cos, sin, lengths)
        if positions is not None:
            x, mixed = x[positions], mixed[positions]
        x = x + self.self_attn.o_proj(mixed)
        return x + self.mlp(unit_norm(x, self.epsilon))


class Body(nn.Module):
    """Everything below the output projection."""

    def __init__(self, config: TinyModelConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_layers))


class TinyModel(nn.Module):
    """Tokens to logits. Parameter names are those of published qwen3 checkpoints, so `gguf` knows the mapping."""

    def __init__(self, config: TinyModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Body(config)
        cos, sin = rotary_tables(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self._initialize()

    def _initialize(self) -> None:
        """Normal weights of deviation 1/sqrt(inputs); what writes to the stream starts at zero."""
        for name, parameter in self.named_parameters():
            deviation = 0.02 if "embed_tokens" in name else parameter.shape[1] ** -0.5
            nn.init.normal_(parameter, std=0.0 if name.endswith(("o_proj.weight", "down_proj.weight")) else deviation)

    def forward(self, tokens: Tensor, lengths: list[int], positions: Tensor) -> Tensor:
        """[tokens] ids of conversations one after the other -> logits [len(positions), vocab].

        `lengths` are the conversations' lengths; each is seen alone. `positions` index `tokens`: only these get logits.
        """
        at = torch.cat([torch.arange(length) for length in lengths])
        cos, sin = self.get_buffer("cos")[at], self.get_buffer("sin")[at]
        x = self.model.embed_tokens(tokens)
        *layers, last = self.model.layers
        for layer in layers:
            x = layer(x, cos, sin, lengths)
        x = unit_norm(last(x, cos, sin, lengths, positions), self.config.norm_epsilon)
        return functional.linear(x, self.model.embed_tokens.weight)
