"""What one token makes a device do: bytes of matrices by tensor type, layers by kind, cells it attends to. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from labkit.estimate.mixtures import BITS, mixed
from labkit.estimate.weights import Weights
from labkit.hardware.calibration import LayerKind
from labkit.model import LayerMemory, ModelArchitecture

_RECURRENT: dict[str, LayerKind] = {
    "lfm2": "shortconv", "qwen3": "delta_net", "granite": "mamba2", "mamba": "mamba2", "jamba": "mamba2",
    "nemotron": "mamba2", "falcon": "mamba2",
}  # fmt: skip
_OTHER_RECURRENT: LayerKind = "delta_net"  # the slowest known


@dataclass(frozen=True, slots=True)
class LayerWork:
    """Layers of one kind.

    Attributes:
        count: how many; a part of a split model may have a fraction of one.
        num_heads, head_dim: of the queries; 0 without attention.
        kv_elements: of K and V that one cell holds.
        window_tokens: cells it looks at, at most; None for all.
        state_elements: f32 elements of recurrent state.
    """

    kind: LayerKind
    count: float
    num_heads: int = 0
    head_dim: int = 0
    kv_elements: int = 0
    window_tokens: int | None = None
    state_elements: int = 0

    @property
    def num_kv_heads(self) -> float:
        """Rows of keys that a cell has; a compressed one (MLA) is one row."""
        return self.kv_elements / (2 * self.head_dim) if self.head_dim else 0.0

    def cells(self, depth: float) -> float:
        """Cells it attends to behind `depth` tokens."""
        return depth if self.window_tokens is None else min(depth, self.window_tokens)


@dataclass(frozen=True, slots=True)
class TokenWork:
    """What one token reads and passes.

    Attributes:
        matrix_bytes: by tensor type, without experts.
        expert_bytes: of the experts that one token uses, by tensor type.
        all_expert_bytes: of all experts together: a long prompt uses every one.
        head_bytes: of `matrix_bytes`, the output head, which a prompt needs only for its last token.
        head_type: tensor type of the head.
        expert_layers: layers that choose experts.
        exact: the types are known from a file; else they are what files of that quantization usually have.
    """

    matrix_bytes: Mapping[str, float]
    layers: tuple[LayerWork, ...]
    expert_bytes: Mapping[str, float] = field(default_factory=dict)
    all_expert_bytes: float = 0.0
    head_bytes: float = 0.0
    head_type: str = ""
    expert_layers: float = 0.0
    exact: bool = True

    @property
    def weight_bytes(self) -> float:
        """All weights that tokens come to, every expert included."""
        return sum(self.matrix_bytes.values()) + self.all_expert_bytes

    def scaled(self, share: float) -> "TokenWork":
        """That share of everything: the part of a model that is split by layers."""
        return replace(
            self,
            matrix_bytes=mixed(self.matrix_bytes, share),
            expert_bytes=mixed(self.expert_bytes, share),
            layers=tuple(replace(layer, count=layer.count * share) for layer in self.layers),
            all_expert_bytes=self.all_expert_bytes * share,
            head_bytes=self.head_bytes * share,
            expert_layers=self.expert_layers * share,
        )

    def without_experts(self) -> "TokenWork":
        """The part on the accelerator when the experts stay in system memory."""
        return replace(self, expert_bytes={}, all_expert_bytes=0.0, expert_layers=0.0)

    def experts_only(self) -> "TokenWork":
        """The part that stays in system memory then."""
        return replace(self, matrix_bytes={}, layers=(), head_bytes=0.0)


def token_work(architecture: ModelArchitecture, weights: Weights) -> TokenWork | None:
    """What one token takes; None when the shape of the layers or the types of the weights are not known. Pure."""
    layers = layer_work(architecture)
    if layers is None or not weights.types_per_token:
        return None
    types = weights.types_per_token
    scale = _middle(weights.bytes_per_token) / max(sum(types.values()), 1)
    experts = mixed(weights.expert_types_per_token, scale)
    matrices = {name: size * scale - experts.get(name, 0.0) for name, size in types.items()}
    head_type = weights.head_type or max(types, key=lambda name: types[name])
    head = (architecture.vocab_size or 0) * (architecture.hidden_size or 0) * BITS.get(head_type, 8.5) / 8
    return TokenWork(
        matrix_bytes={name: size for name, size in matrices.items() if size > 0},
        layers=layers,
        expert_bytes=experts,
        all_expert_bytes=float(weights.expert_bytes),
        head_bytes=min(head, matrices.get(head_type, 0.0)),
        head_type=head_type,
        expert_layers=(architecture.num_layers or 0) if architecture.experts else 0,
        exact=weights.source == "exact from file",
    )


def layer_work(architecture: ModelArchitecture) -> tuple[LayerWork, ...] | None:
    """Layers by kind; None when what they remember is not known. Pure."""
    if architecture.layers is None:
        return None
    counted = _counted(architecture.layers)
    own = {memory: count for memory, count in counted.items() if memory.key_size}
    if own and not any(memory.state_size for memory in counted):
        # Layers that borrow a cache (Gemma 4) attend like the most frequent of those that own one.
        usual = max(own, key=lambda memory: own[memory])
        counted[usual] += counted.pop(LayerMemory(), 0)
    return tuple(_layer(architecture, memory, count) for memory, count in counted.items())


def _counted(memories: tuple[LayerMemory, ...]) -> dict[LayerMemory, int]:
    """How many layers are alike. By identity first: most are one object, and to hash that often takes long."""
    known = {id(memory): memory for memory in memories}
    found: dict[LayerMemory, int] = {}
    for name, count in Counter(map(id, memories)).items():
        found[known[name]] = found.get(known[name], 0) + count
    return found


def _layer(architecture: ModelArchitecture, memory: LayerMemory, count: int) -> LayerWork:
    if memory.state_size and not memory.key_size:
        return LayerWork(_recurrent_kind(architecture.architecture), count, state_elements=memory.state_size)
    if not memory.key_size:
        return LayerWork("attention", count)
    head_dim = architecture.head_dim or 0
    if memory.window_tokens is not None and architecture.num_kv_heads:
        head_dim = min(head_dim, memory.key_size // architecture.num_kv_heads)
    return LayerWork(
        "attention",
        count,
        architecture.num_heads or 0,
        head_dim,
        memory.key_size + memory.value_size,
        memory.window_tokens,
    )


def _recurrent_kind(name: str) -> LayerKind:
    for start, kind in _RECURRENT.items():
        if name.startswith(start):
            return kind
    return _OTHER_RECURRENT


def _middle(sizes: tuple[int, int]) -> float:
    return (sizes[0] + sizes[1]) / 2
