"""Small models of each kind of memory, for tests: some MB or less, written in a moment, loadable like any other."""

from pathlib import Path
from typing import Literal

from labkit.engine.synthetic.shape import ExpertShape, RecurrentShape, SyntheticShape
from labkit.engine.synthetic.writer import plan_synthetic, write_synthetic

TinyKind = Literal["dense", "sliding", "moe", "hybrid", "delta_net", "shortconv", "recurrent"]
VOCAB_SIZE = 512
HIDDEN = 256
CONTEXT_TOKENS = 8192


def _shape(kind: str, architecture: str, **sizes: object) -> SyntheticShape:
    fields: dict[str, object] = {
        "num_layers": 4, "hidden_size": HIDDEN, "ffn_size": 2 * HIDDEN, "num_heads": 4, "num_kv_heads": 2,
        "head_dim": 64, "vocab_size": VOCAB_SIZE, "context_tokens": CONTEXT_TOKENS,
    }  # fmt: skip
    return SyntheticShape(f"tiny-{kind}", architecture, **(fields | sizes))  # pyright: ignore[reportArgumentType]


TINY: dict[TinyKind, SyntheticShape] = {
    "dense": _shape("dense", "qwen3"),
    "sliding": _shape("sliding", "gemma3", num_layers=6, window_tokens=64, global_every=6),
    "moe": _shape("moe", "qwen3moe", experts=ExpertShape(8, 2, HIDDEN)),
    "hybrid": _shape(
        "hybrid", "granitehybrid", recurrent=RecurrentShape(4, (1, 3), 2 * HIDDEN, 64, 1, 2 * HIDDEN // 64)
    ),
    "delta_net": _shape("delta_net", "qwen35", rope_dim=16, recurrent=RecurrentShape(4, (3,), HIDDEN, 64, 2, 4)),
    "shortconv": _shape("shortconv", "lfm2", recurrent=RecurrentShape(3, (1, 3))),
    "recurrent": _shape(
        "recurrent", "mamba", ffn_size=0, num_heads=0, num_kv_heads=0, head_dim=0,
        recurrent=RecurrentShape(4, (), 2 * HIDDEN, 16, 0, 16),
    ),
}  # fmt: skip


def write_tiny(kind: TinyKind, path: Path, *, quantization: str = "Q8_0", seed: int = 0, **sizes: int) -> Path:
    """Write a tiny model with that kind of memory at `path` and return it: 0.1 s, 512 tokens, 8,192 of context.

    "dense" is a transformer, "sliding" has attention windows of 64 tokens, "moe" eight experts, "hybrid" attention
    and Mamba 2, "delta_net" attention and linear attention, "shortconv" attention and convolutions, "recurrent"
    Mamba alone. `sizes` are fields of SyntheticShape to change, such as num_layers=2.
    """
    from dataclasses import replace

    shape = replace(TINY[kind], **sizes)  # pyright: ignore[reportArgumentType]
    return write_synthetic(plan_synthetic(shape, quantization), path, seed=seed)
