"""What a synthetic model looks like: the sizes that decide its tensors. Plain values, nothing is computed here."""

from dataclasses import dataclass

from labkit.errors import InputError

DELTA_NETS = frozenset({"qwen35", "qwen35moe", "qwen3next"})  # their files state an interval of attention layers


@dataclass(frozen=True, slots=True)
class ExpertShape:
    """Expert block of a mixture-of-experts model.

    Attributes:
        shared_ffn_size: width of the expert that every token uses; 0 for none.
        leading_dense_layers: first layers, which have a dense block instead.
    """

    num_experts: int
    num_used: int
    expert_ffn_size: int
    shared_ffn_size: int = 0
    leading_dense_layers: int = 0


@dataclass(frozen=True, slots=True)
class RecurrentShape:
    """State of recurrent layers (Mamba, gated delta net, short convolution).

    Attributes:
        attention_layers: layers that attend instead, by number; () for a purely recurrent model.
        inner_size: channels of the state; 0 where only a convolution is kept.
        num_groups: groups that share their inputs; of the gated delta net the key heads.
        num_state_heads: heads of the state (`time_step_rank`); of the gated delta net the value heads.
    """

    conv_kernel: int
    attention_layers: tuple[int, ...] = ()
    inner_size: int = 0
    state_size: int = 0
    num_groups: int = 0
    num_state_heads: int = 0


@dataclass(frozen=True, slots=True)
class Gemma4Shape:
    """What Gemma 4 has beside attention windows.

    Attributes:
        head_dim_global, num_kv_heads_global: of the layers that see everything.
        shared_kv_layers: last layers, which use the cache of earlier ones.
        per_layer_embedding_size: width of a table with a row for each token and layer; 0 for none. Models without
            it take V from K on global layers.
        wide_borrowers: layers with a borrowed cache have a feed-forward block of twice the width.
    """

    head_dim_global: int
    num_kv_heads_global: int
    shared_kv_layers: int = 0
    per_layer_embedding_size: int = 0
    wide_borrowers: bool = False


@dataclass(frozen=True, slots=True)
class MlaShape:
    """Multi-head latent attention.

    Attributes:
        query_rank: width of the row that the queries come from.
        rank: width of the row that keys and values of all heads come from.
        rope_size: elements of a key that are rotated, one part for all heads.
        key_size, value_size: of one head, once it is unpacked.
    """

    query_rank: int
    rank: int
    rope_size: int
    key_size: int
    value_size: int


@dataclass(frozen=True, slots=True)
class SyntheticShape:
    """Sizes of one model.

    Attributes:
        architecture: llama.cpp's name ("llama", "qwen3", ...).
        window_tokens: how far sliding-window layers look back; 0 for none.
        global_every: one layer in so many, the last of each group, sees everything.
        rope_dim: elements of a head that are rotated; 0 for all.
        rope_factors: the file carries a table of rotation factors (Llama 3).
    """

    name: str
    architecture: str
    num_layers: int
    hidden_size: int
    ffn_size: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    vocab_size: int
    context_tokens: int = 4096
    tied_embeddings: bool = True
    window_tokens: int = 0
    global_every: int = 0
    rope_base: float = 10000.0
    rope_dim: int = 0
    rope_factors: bool = False
    experts: ExpertShape | None = None
    recurrent: RecurrentShape | None = None
    gemma4: Gemma4Shape | None = None
    mla: MlaShape | None = None

    @property
    def query_size(self) -> int:
        """Elements of Q, all heads together."""
        return self.num_heads * self.head_dim

    @property
    def kv_size(self) -> int:
        """Elements of K, and of V, all KV heads together."""
        return self.num_kv_heads * self.head_dim

    @property
    def required_experts(self) -> ExpertShape:
        """The expert block. Raises InputError for a shape without one."""
        if self.experts is None:
            raise InputError(f"{self.name} has no experts, and '{self.architecture}' models need them")
        return self.experts

    @property
    def required_recurrent(self) -> RecurrentShape:
        """The recurrent state. Raises InputError for a shape without one."""
        if self.recurrent is None:
            raise InputError(f"{self.name} has no recurrent state, and '{self.architecture}' models need one")
        return self.recurrent

    @property
    def required_gemma4(self) -> Gemma4Shape:
        """Gemma 4's sizes. Raises InputError for a shape without them."""
        if self.gemma4 is None:
            raise InputError(f"{self.name} has no sizes of global layers, and '{self.architecture}' models need them")
        return self.gemma4

    @property
    def required_mla(self) -> MlaShape:
        """Latent attention's sizes. Raises InputError for a shape without them."""
        if self.mla is None:
            raise InputError(f"{self.name} has no latent attention, and '{self.architecture}' models need it")
        return self.mla

    def sees_everything(self, layer: int) -> bool:
        """Whether layer number `layer` has no attention window."""
        return not self.window_tokens or (layer + 1) % self.global_every == 0

    def attends(self, layer: int) -> bool:
        """Whether layer number `layer` has attention; else it is recurrent."""
        return self.recurrent is None or layer in self.recurrent.attention_layers
