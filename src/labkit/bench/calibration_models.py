"""The small models that a calibration runs: each shows one term of the speed model and little of the others.

Fat layers of one tensor type, larger than the cache, show how fast that type is gone through. Thin ones, whose
matrices are next to nothing, show what a layer costs besides; with states and caches of two sizes, what those cost.
None of them has the shape of a real model.
"""

from dataclasses import dataclass, replace
from typing import Literal

from labkit.engine.synthetic import ExpertShape, RecurrentShape, SyntheticPlan, SyntheticShape, plan_synthetic
from labkit.engine.synthetic.mixture import TYPES
from labkit.units import MIB

ESSENTIAL_TYPES = ("Q4_K", "Q6_K", "Q8_0")
"""What Q4_K_M and Q8_0 files are made of."""
FURTHER_TYPES = ("Q5_0", "Q4_0", "F16", "MXFP4", "Q5_K", "IQ4_XS", "Q3_K", "IQ4_NL", "Q2_K", "BF16", "IQ3_S")
"""The others in the order of how often they are met; measured while there is time. Q5_0 takes the place of Q4_K in rows
that 256 does not divide."""
LEAST_FAT_BYTES, MOST_FAT_BYTES = 96 * MIB, 384 * MIB
CACHE_MULTIPLE = 3  # read round and round, so many times the cache leaves next to no hits
ACCELERATOR_BYTES = 512 * MIB  # one token takes long enough to be timed
DEPTH_TOKENS = 1024
COLD_TOKENS = 512
THIN_TYPE = "Q8_0"

ThinName = Literal[
    "attention", "experts", "delta_net small", "delta_net large", "mamba2 small", "mamba2 large", "shortconv",
    "heads of 64", "heads of 128", "cold cache",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ThinModel:
    """A thin model and the depths at which it is decoded."""

    shape: SyntheticShape
    depth: int = 0

    @property
    def recurrent_layers(self) -> int:
        """Layers with a recurrent state."""
        return sum(not self.shape.attends(layer) for layer in range(self.shape.num_layers))

    @property
    def state_elements(self) -> int:
        """f32 elements of recurrent state, one layer; convolutions are left out."""
        recurrent = self.shape.recurrent
        return recurrent.inner_size * recurrent.state_size if recurrent else 0


def fat_plan(tensor_type: str, least_bytes: int) -> SyntheticPlan:
    """A model of as many wide layers as make `least_bytes`, every matrix of the same type. Pure."""
    one, two = (uniform_plan(replace(_FAT, num_layers=count), tensor_type).weight_bytes for count in (1, 2))
    layers = 1 + max(0, -(-(least_bytes - one) // (two - one)))
    return uniform_plan(replace(_FAT, num_layers=layers), tensor_type)


def uniform_plan(shape: SyntheticShape, tensor_type: str) -> SyntheticPlan:
    """A file whose matrices are all of one type, also of those that no mixture uses throughout. Pure."""
    plan = plan_synthetic(shape, THIN_TYPE)
    kind = TYPES[tensor_type][1]
    tensors = tuple((row, kind if old.name == THIN_TYPE else old) for row, old in plan.tensors)
    return replace(plan, tensors=tensors)


def prompt_parameters(plan: SyntheticPlan) -> int:
    """Weights that every token of a prompt passes.

    Not the head, and not the last layer's feed-forward block: llama.cpp computes both only for tokens whose logits
    are wanted.
    """
    last = f"blk.{plan.shape.num_layers - 1}.ffn"
    return sum(row.num_elements for row, _ in plan.tensors if row.name.startswith("blk.") and last not in row.name)


def fat_bytes(cache_bytes: int | None, *, accelerator: bool = False) -> int:
    """How large a fat model must be so that memory is read and not a cache."""
    if accelerator:
        return ACCELERATOR_BYTES
    return min(max(LEAST_FAT_BYTES, CACHE_MULTIPLE * (cache_bytes or 0)), MOST_FAT_BYTES)


def _thin(
    architecture: str, *, layers: int = 16, hidden: int = 128, heads: int = 2, head_dim: int = 64, **more: object
):
    fields: dict[str, object] = {
        "num_layers": layers, "hidden_size": hidden, "ffn_size": 2 * hidden, "num_heads": heads,
        "num_kv_heads": max(1, heads // 4), "head_dim": head_dim, "vocab_size": 512, "context_tokens": 8192,
    }  # fmt: skip
    return SyntheticShape("thin", architecture, **(fields | more))  # pyright: ignore[reportArgumentType]


def _delta_net(state: int, groups: int, heads: int, layers: int) -> SyntheticShape:
    recurrent = RecurrentShape(4, tuple(range(7, layers, 8)), heads * state, state, groups, heads)
    return _thin("qwen35", layers=layers, rope_dim=16, recurrent=recurrent)


def _mamba2(hidden: int, state: int, layers: int) -> SyntheticShape:
    recurrent = RecurrentShape(4, (7,), 2 * hidden, state, 1, hidden // 32)
    return _thin("granitehybrid", layers=layers, hidden=hidden, recurrent=recurrent)


_FAT = SyntheticShape("fat", "qwen3", 1, 2048, 6144, 16, 4, 128, 512)
REQUIRED_THIN: tuple[ThinName, ...] = ("attention", "heads of 128", "heads of 64")
THIN_MODELS: dict[ThinName, ThinModel] = {
    "attention": ThinModel(_thin("qwen3")),
    "heads of 128": ThinModel(_thin("qwen3", layers=2, heads=12, head_dim=128), DEPTH_TOKENS),
    "heads of 64": ThinModel(_thin("qwen3", layers=2, heads=16), DEPTH_TOKENS),
    # 50 MB of keys and values, as far apart as in models of a few billion parameters.
    "cold cache": ThinModel(_thin("qwen3", layers=24, heads=8, head_dim=128, num_kv_heads=8), COLD_TOKENS),
    "experts": ThinModel(_thin("qwen3moe", experts=ExpertShape(16, 6, 64))),
    "delta_net small": ThinModel(_delta_net(64, 2, 2, layers=8)),
    # The large ones' states do not fit a processor's cache, like those of real models beside their weights.
    "delta_net large": ThinModel(_delta_net(128, 12, 24, layers=16)),
    "mamba2 small": ThinModel(_mamba2(128, 64, layers=8)),
    "mamba2 large": ThinModel(_mamba2(256, 256, layers=28)),
    "shortconv": ThinModel(_thin("lfm2", recurrent=RecurrentShape(3, (14, 15)))),
}
