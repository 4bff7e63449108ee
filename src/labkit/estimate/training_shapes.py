"""Shapes of a transformer as training sees them: parameters, adapters, and what one layer keeps for its backward.

The saved tensors are those of autograd over the usual modules (RMS norm in f32, SDPA attention, gated feed-forward)
with peft's LoRA, as torch's saved-tensor hooks list them; `benchmarks/training_memory.py` holds the whole against runs.
"""

from dataclasses import dataclass

from labkit.model import LayerMemory, ModelArchitecture

ATTENTION_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj")
FFN_MODULES = ("gate_proj", "up_proj", "down_proj")
LINEAR_MODULES = ATTENTION_MODULES + FFN_MODULES
# Architectures (llama.cpp's names) that norm queries and keys of each head, and keep both for backward.
NORMED_QUERIES = {"qwen3", "qwen3moe", "gemma3", "olmo2", "olmoe"}
F32 = 4


@dataclass(frozen=True, slots=True)
class SavedAs:
    """How tensors are held.

    Attributes:
        compute: bytes of one element of activations: 4 (f32) or 2 (bf16).
        modules: adapted modules.
        rank: of the adapters.
        full: every parameter is trained, instead of adapters.
    """

    compute: int
    modules: tuple[str, ...]
    rank: int
    full: bool = False


def unsupported(architecture: ModelArchitecture) -> str:
    """Why training memory cannot be estimated for this shape; empty when it can."""
    sizes = {
        "hidden size": architecture.hidden_size, "attention heads": architecture.num_heads,
        "head size": architecture.head_dim, "vocabulary size": architecture.vocab_size,
    }  # fmt: skip
    missing = " and ".join(name for name, size in sizes.items() if not size)
    if missing:
        return f"its {missing} is not known"
    if architecture.layers is None:
        return architecture.layers_unknown or "what its layers remember is not known"
    if any(layer.state_size for layer in architecture.layers):
        return "it has recurrent layers, whose activations are not covered"
    if any(layer.key_size and not layer.value_size for layer in architecture.layers):
        return "it compresses keys and values (MLA), whose activations are not covered"
    if architecture.per_layer_embedding_size:
        return "it has embeddings in every layer, whose activations are not covered"
    if not ffn_width(architecture):
        return "the size of its feed-forward layers is not known"
    return ""


def num_parameters(architecture: ModelArchitecture) -> int:
    """All parameters: as stated, else counted from the shapes."""
    return architecture.num_parameters or embedding_parameters(architecture) + sum(
        layer_parameters(architecture, layer) for layer in architecture.layers or ()
    )


def embedding_parameters(architecture: ModelArchitecture) -> int:
    """Input embedding and output head; one matrix when they are known to be tied."""
    one = (architecture.vocab_size or 0) * (architecture.hidden_size or 0)
    return one if architecture.tied_embeddings else 2 * one


def layer_parameters(architecture: ModelArchitecture, layer: LayerMemory) -> int:
    """Matrices and norms of one layer, all experts included."""
    hidden, experts = architecture.hidden_size or 0, architecture.experts
    matrices = sum(rows * columns for rows, columns in projections(architecture, layer).values())
    if experts and experts.expert_ffn_size:
        attention = sum(
            rows * columns
            for name, (rows, columns) in projections(architecture, layer).items()
            if name in ATTENTION_MODULES
        )
        matrices = attention + experts.num_experts * (3 * experts.expert_ffn_size + 1) * hidden
    return matrices + 2 * hidden


def projections(architecture: ModelArchitecture, layer: LayerMemory) -> dict[str, tuple[int, int]]:
    """(inputs, outputs) of each linear module of one layer; of a mixture, of one expert."""
    hidden = architecture.hidden_size or 0
    queries = (architecture.num_heads or 0) * (architecture.head_dim or 0)
    expert = architecture.experts.expert_ffn_size if architecture.experts else None
    ffn = expert or architecture.ffn_size or 0
    return {
        "q_proj": (hidden, queries),
        "k_proj": (hidden, layer.key_size),
        "v_proj": (hidden, layer.value_size),
        "o_proj": (queries, hidden),
        "gate_proj": (hidden, ffn),
        "up_proj": (hidden, ffn),
        "down_proj": (ffn, hidden),
    }


def adapter_parameters(architecture: ModelArchitecture, modules: tuple[str, ...], rank: int) -> int:
    """Elements of all LoRA matrices: rank x (inputs + outputs) of every adapted module, of every expert."""
    total = 0
    for layer in architecture.layers or ():
        for name, (inputs, outputs) in projections(architecture, layer).items():
            if name in modules and inputs and outputs:
                copies = architecture.experts.num_experts if architecture.experts and name in FFN_MODULES else 1
                total += rank * (inputs + outputs) * copies
    return total


def ffn_width(architecture: ModelArchitecture) -> int:
    """Feed-forward elements that one token passes in a layer: of a mixture, those of the experts it uses."""
    experts = architecture.experts
    routed = experts.num_used * (experts.expert_ffn_size or 0) if experts else 0
    return max(routed, architecture.ffn_size or 0)


def largest_layer_matrix(architecture: ModelArchitecture) -> int:
    """Elements of the largest matrix of any layer: what a packed base unpacks at a time."""
    layers = architecture.layers or ()
    return max((a * b for layer in layers for a, b in projections(architecture, layer).values()), default=0)


def saved_bytes_per_token(architecture: ModelArchitecture, layer: LayerMemory, held: SavedAs) -> int:
    """What one layer keeps of each token until its backward, in bytes."""
    hidden, heads = architecture.hidden_size or 0, architecture.num_heads or 0
    queries, ffn = heads * (architecture.head_dim or 0), ffn_width(architecture)
    attention = (2 * queries + layer.key_size + layer.value_size) * held.compute + heads * F32
    norms = 2 * (hidden + 1) * F32 + (2 * hidden * held.compute if held.full else 0)
    if architecture.architecture in NORMED_QUERIES:
        norms += (queries + layer.key_size) * (F32 + (held.compute if held.full else 0)) + 2 * heads * F32
    feed_forward = 3 * ffn * held.compute
    if architecture.experts:
        feed_forward += 2 * architecture.experts.num_used * hidden * held.compute
    return attention + norms + feed_forward + _inputs_of_modules(hidden, queries, ffn, held)


def _inputs_of_modules(hidden: int, queries: int, ffn: int, held: SavedAs) -> int:
    """Inputs kept for the gradients of trained matrices. peft computes in f32, so it keeps copies of bf16 inputs."""
    if held.full:
        return (2 * hidden + ffn) * held.compute
    names = set(held.modules)
    middle = len(names) * held.rank * F32
    if held.compute != F32:
        widths = dict.fromkeys(LINEAR_MODULES, hidden) | {"o_proj": queries, "down_proj": ffn}
        return middle + sum(widths[name] * F32 for name in names)
    shared = hidden * bool(names & {"q_proj", "k_proj", "v_proj"}) + hidden * bool(names & {"gate_proj", "up_proj"})
    return middle + (shared + ffn * ("down_proj" in names)) * F32
