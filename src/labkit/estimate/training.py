"""Memory and time of training: LoRA, QLoRA over packed or NF4 weights, and full fine-tuning for comparison.

Every term is named, and the peak is the largest of three moments: logits and loss, the backward of one layer, the
optimizer's step. Held against real runs on a processor by `benchmarks/training_memory.py`; on CUDA and Apple silicon
the same terms are used, and have not been measured.
"""

from dataclasses import dataclass, replace
from typing import Literal

from labkit.errors import InputError
from labkit.estimate import training_shapes as shapes
from labkit.estimate.training_shapes import F32, LINEAR_MODULES, SavedAs
from labkit.model import ModelArchitecture
from labkit.units import MIB, render_bytes

BaseType = Literal["f32", "bf16", "packed", "nf4"]
Backend = Literal["cpu", "cuda", "apple"]

# torch, transformers and peft loaded; on CUDA a context and the matrix library's workspace instead.
RUNTIME_BYTES: dict[Backend, int] = {"cpu": 400 * MIB, "cuda": 700 * MIB, "apple": 600 * MIB}
NF4_BITS = 4.5  # a block of 64 with its f32 scale (bitsandbytes without double quantization)
ADAM_BYTES = {"adamw": 8, "adamw_8bit": 2 + 8 / 256}  # two f32 moments; or two bytes and a scale for each block
LEAST_SEQUENCE_TOKENS = 128
SAFETY_FACTOR = 1.06  # allocators round up and leave gaps
SAFETY_BYTES = 8 * MIB
KEPT_FACTOR = 2.1  # the same where freed memory stays with the process


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """One training run.

    Attributes:
        base: how the base model's weights are held. "packed" keeps the blocks of a GGUF file and unpacks one matrix
            at a time. "nf4" holds the layers in 4 bits and the embeddings in bf16.
        full: train every parameter instead of adapters; only with a base of "f32" or "bf16".
        bf16_compute: activations in bf16; as the base is for "f32" and "bf16", chosen for packed ones.
        micro_batch: sequences of one forward.
        sequence_tokens: tokens of each.
        trained_tokens: positions of one micro-batch that get logits; None for all.
        logits_chunk_tokens: of these, how many are computed at a time; None for all at once.
        checkpointing: keep only each layer's input, and compute the layer again in its backward.
        memory_kept: freed memory stays with the process, in heaps with holes: what glibc does unless it is told to
            keep one heap and to map buffers of more than 128 KiB by themselves (mallopt).
    """

    base: BaseType = "bf16"
    full: bool = False
    rank: int = 16
    target_modules: tuple[str, ...] = LINEAR_MODULES
    optimizer: Literal["adamw", "adamw_8bit"] = "adamw"
    micro_batch: int = 1
    sequence_tokens: int = 1024
    trained_tokens: int | None = None
    logits_chunk_tokens: int | None = None
    checkpointing: bool = False
    bf16_compute: bool = False
    backend: Backend = "cpu"
    memory_kept: bool = False

    def __post_init__(self) -> None:
        """Raise InputError for what cannot be trained."""
        unknown = sorted(set(self.target_modules) - set(LINEAR_MODULES))
        if unknown:
            raise InputError(f"unknown target modules: {', '.join(unknown)}", hint=f"of: {', '.join(LINEAR_MODULES)}")
        if min(self.rank, self.micro_batch, self.sequence_tokens) < 1:
            raise InputError("rank, micro-batch and sequence length are 1 or more", hint="raise the one that is not")
        if self.full and self.base not in ("f32", "bf16"):
            raise InputError(f"a {self.base} base cannot be trained as a whole", hint="train an adapter, or use bf16")

    @property
    def num_tokens(self) -> int:
        """Tokens of one forward."""
        return self.micro_batch * self.sequence_tokens

    @property
    def compute_bytes(self) -> int:
        """Bytes of one element of activations."""
        return 2 if self.base == "bf16" or (self.base != "f32" and self.bf16_compute) else F32


@dataclass(frozen=True, slots=True)
class TrainingEstimate:
    """Bytes at the peak of one training step, term by term.

    Attributes:
        runtime_bytes: the process and its libraries; on CUDA what they take on the card.
        gradients_bytes: of what is trained.
        optimizer_bytes: its state.
        activations_bytes: what all layers keep for their backward.
        working_bytes: the larger of logits with their loss, of one layer's backward, and of the optimizer's step.
        margin_bytes: for allocators, over what comes and goes.
        num_trained: trained parameters.
        flops: of one forward and backward.
        step_seconds: of one micro-batch; None without a measured rate.
        why: how the terms come about, one sentence each.
    """

    runtime_bytes: int
    weights_bytes: int
    adapter_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    activations_bytes: int
    working_bytes: int
    margin_bytes: int
    num_trained: int
    flops: float
    step_seconds: float | None
    why: tuple[str, ...]

    @property
    def terms(self) -> dict[str, int]:
        """Every term by its name, in the order of a table."""
        names = ("runtime", "weights", "adapter", "gradients", "optimizer", "activations", "working", "margin")
        return {name: getattr(self, f"{name}_bytes") for name in names}

    @property
    def total_bytes(self) -> int:
        """All terms."""
        return sum(self.terms.values())


@dataclass(frozen=True, slots=True)
class FittedTraining:
    """Settings that fit a budget, or the smallest ones, which do not.

    Attributes:
        gradient_accumulation: micro-batches of one optimizer step, so that it sees as many sequences as asked for.
        changes: what was changed to make it fit, in words, in order.
    """

    settings: TrainingSettings
    estimate: TrainingEstimate
    fits: bool
    gradient_accumulation: int
    changes: tuple[str, ...]


def training_memory(
    architecture: ModelArchitecture,
    settings: TrainingSettings,
    *,
    packed_bytes: int | None = None,
    flops_per_second: float | None = None,
) -> TrainingEstimate:
    """Peak memory of one training step. Pure.

    Args:
        architecture: of the base model; recurrent layers and MLA are not covered.
        settings: the run.
        packed_bytes: weights of the GGUF file; needed for a base of "packed".
        flops_per_second: what the machine reaches in training; without it there is no step time.

    Assumes sequences without a padding mask, dropout 0, adapters in f32 as peft keeps them, and a caller that does not
    hold on to the logits.
    Raises InputError when the shape is not covered, or a packed base has no size.
    """
    if reason := shapes.unsupported(architecture):
        raise InputError(f"training memory of this model cannot be estimated: {reason}", hint="measure a short run")
    weights = _weights(architecture, settings, packed_bytes)
    adapters = 0 if settings.full else shapes.adapter_parameters(architecture, settings.target_modules, settings.rank)
    trained = shapes.num_parameters(architecture) if settings.full else adapters
    element = settings.compute_bytes if settings.full else F32
    state = round(trained * (2 * element if settings.optimizer == "adamw" else ADAM_BYTES["adamw_8bit"]))
    activations = _activations(architecture, settings)
    gradients = trained * element
    if settings.full:
        # They appear while activations go: the two are never whole at the same time.
        gradients = max(gradients - activations, 0) + _head(architecture) * element
    working = _working(architecture, settings)
    flops = _flops(architecture, settings)
    factor = KEPT_FACTOR if settings.memory_kept and settings.backend == "cpu" else SAFETY_FACTOR
    return TrainingEstimate(
        runtime_bytes=RUNTIME_BYTES[settings.backend],
        weights_bytes=weights,
        adapter_bytes=adapters * F32,
        gradients_bytes=gradients,
        optimizer_bytes=state,
        activations_bytes=activations,
        working_bytes=working,
        margin_bytes=round((factor - 1) * (activations + working)) + SAFETY_BYTES,
        num_trained=trained,
        flops=flops,
        step_seconds=flops / flops_per_second if flops_per_second else None,
        why=_why(settings, weights, trained, activations, working),
    )


def largest_that_fits(
    architecture: ModelArchitecture,
    settings: TrainingSettings,
    budget_bytes: int,
    *,
    packed_bytes: int | None = None,
    flops_per_second: float | None = None,
) -> FittedTraining:
    """The settings that come nearest to `settings` within `budget_bytes`. Pure.

    In this order, and no further than needed: a smaller micro-batch with more accumulation, which changes nothing but
    the time; checkpointing, a third more time; shorter sequences, which changes what is learned. Raises as
    `training_memory` does.
    """
    wanted, changes = settings.micro_batch, []
    while True:
        estimate = training_memory(architecture, settings, packed_bytes=packed_bytes, flops_per_second=flops_per_second)
        fits = estimate.total_bytes <= budget_bytes
        smaller = None if fits else _smaller(settings)
        if smaller is None:
            return FittedTraining(settings, estimate, fits, -(-wanted // settings.micro_batch), tuple(changes))
        settings, change = smaller
        changes.append(change)


def _smaller(settings: TrainingSettings) -> tuple[TrainingSettings, str] | None:
    if settings.micro_batch > 1:
        half = settings.micro_batch // 2
        return _scaled(settings, micro_batch=half), f"micro-batch {settings.micro_batch} -> {half}"
    if not settings.checkpointing:
        return replace(settings, checkpointing=True), "checkpointing on"
    half = settings.sequence_tokens // 2
    if half < LEAST_SEQUENCE_TOKENS:
        return None
    return _scaled(settings, sequence_tokens=half), f"sequence {settings.sequence_tokens} -> {half} tokens"


def _scaled(settings: TrainingSettings, **changes: int) -> TrainingSettings:
    """The settings with fewer tokens, and as large a share of them trained as before."""
    fewer = replace(settings, **changes)
    if settings.trained_tokens is None:
        return fewer
    return replace(fewer, trained_tokens=max(1, settings.trained_tokens * fewer.num_tokens // settings.num_tokens))


def _weights(architecture: ModelArchitecture, settings: TrainingSettings, packed_bytes: int | None) -> int:
    parameters = shapes.num_parameters(architecture)
    if settings.base == "packed":
        if packed_bytes is None:
            raise InputError("a packed base needs the size of its file", hint="name the GGUF file")
        return packed_bytes
    if settings.base == "nf4":
        embeddings = min(shapes.embedding_parameters(architecture), parameters)
        return round((parameters - embeddings) * NF4_BITS / 8) + embeddings * 2
    return parameters * settings.compute_bytes


def _held(settings: TrainingSettings) -> SavedAs:
    return SavedAs(settings.compute_bytes, settings.target_modules, settings.rank, settings.full)


def _activations(architecture: ModelArchitecture, settings: TrainingSettings) -> int:
    """Kept until backward, over all layers, with the last norm's input."""
    hidden, layers = architecture.hidden_size or 0, architecture.layers or ()
    last = (hidden + 1) * F32 + (2 * hidden * settings.compute_bytes if settings.full else 0)
    if settings.checkpointing:
        return settings.num_tokens * (len(layers) * hidden * settings.compute_bytes + last)
    held = _held(settings)
    return settings.num_tokens * (sum(shapes.saved_bytes_per_token(architecture, one, held) for one in layers) + last)


def _working(architecture: ModelArchitecture, settings: TrainingSettings) -> int:
    """What comes and goes: the largest of three moments."""
    return max(_loss(architecture, settings), _layer_backward(architecture, settings), _step(architecture, settings))


def _loss(architecture: ModelArchitecture, settings: TrainingSettings) -> int:
    """Log-softmax of the logits and both gradients in f32; or one gradient beside the unpacked head.

    The logits themselves are gone by then, unless the caller holds on to the model's outputs.
    """
    element, vocabulary, hidden = settings.compute_bytes, architecture.vocab_size or 0, architecture.hidden_size or 0
    positions = _trained(settings)
    chunk = min(settings.logits_chunk_tokens or positions, positions)
    gathered = positions * hidden * 2 * element if chunk < positions else 0
    unpacked = vocabulary * hidden * element if settings.base == "packed" else 0
    return gathered + max(3 * chunk * vocabulary * F32, chunk * vocabulary * F32 + unpacked)


def _layer_backward(architecture: ModelArchitecture, settings: TrainingSettings) -> int:
    """Gradients of one layer's tensors; with checkpointing, also all that it would have kept."""
    element, tokens = settings.compute_bytes, settings.num_tokens
    hidden, ffn, layers = architecture.hidden_size or 0, shapes.ffn_width(architecture), architecture.layers or ()
    per_token = (4 * ffn + 2 * hidden) * element + (ffn * F32 if element != F32 else 0)
    if settings.checkpointing:
        held = _held(settings)
        per_token += max((shapes.saved_bytes_per_token(architecture, one, held) for one in layers), default=0)
    unpacked = 2 * shapes.largest_layer_matrix(architecture) * element if settings.base in ("packed", "nf4") else 0
    return tokens * per_token + unpacked


def _step(architecture: ModelArchitecture, settings: TrainingSettings) -> int:
    """The optimizer's own copies: of one matrix at a time on a processor, of all on CUDA."""
    if not settings.full:
        return 0
    embedding = (architecture.vocab_size or 0) * (architecture.hidden_size or 0)
    largest = max(embedding, shapes.largest_layer_matrix(architecture))
    return (shapes.num_parameters(architecture) if settings.backend == "cuda" else 2 * largest) * F32


def _head(architecture: ModelArchitecture) -> int:
    return (architecture.vocab_size or 0) * (architecture.hidden_size or 0)


def _trained(settings: TrainingSettings) -> int:
    return min(settings.trained_tokens or settings.num_tokens, settings.num_tokens)


def _flops(architecture: ModelArchitecture, settings: TrainingSettings) -> float:
    """2 for each weight and token forward, 2 for gradients of activations, 2 for those of weights; 2 to do it again.

    Attention's own products are added; of a mixture the weights that a token uses count, and the input embedding never.
    """
    layers, heads = architecture.layers or (), (architecture.num_heads or 0) * (architecture.head_dim or 0)
    experts = architecture.experts
    matrices = 0
    for layer in layers:
        sizes = {name: a * b for name, (a, b) in shapes.projections(architecture, layer).items()}
        used = experts.num_used if experts and experts.expert_ffn_size else 1
        matrices += sum(size * (used if name in shapes.FFN_MODULES else 1) for name, size in sizes.items())
    attention = 2 * len(layers) * heads * settings.sequence_tokens  # half of the square is masked
    passes = 1 + 1 + settings.full + settings.checkpointing
    body = settings.num_tokens * (matrices + attention) * 2 * passes
    head = _trained(settings) * _head(architecture) * 2 * (2 + settings.full)
    return float(
        body + head + (0 if settings.full else 4 * settings.num_tokens * _adapter_weights(architecture, settings))
    )


def _adapter_weights(architecture: ModelArchitecture, settings: TrainingSettings) -> int:
    return shapes.adapter_parameters(architecture, settings.target_modules, settings.rank)


def _why(settings: TrainingSettings, weights: int, trained: int, activations: int, working: int) -> tuple[str, ...]:
    held = {
        "f32": "in f32", "bf16": "in bf16", "packed": "in the blocks of their GGUF file, unpacked one matrix at a time",
        "nf4": "in 4 bits, embeddings in bf16",
    }[settings.base]  # fmt: skip
    what = "every parameter is" if settings.full else f"adapters of rank {settings.rank} are"
    kept = "each layer keeps its input only" if settings.checkpointing else "every layer keeps what its backward needs"
    lines = (
        f"weights {render_bytes(weights)}, {held}",
        f"{what} trained: {trained:,} parameters with gradients and {settings.optimizer} moments",
        f"{kept}: {render_bytes(activations)} for {settings.num_tokens:,} tokens",
        f"logits and loss, or one layer's backward, take {render_bytes(working)} more at the peak",
    )
    unmeasured = () if settings.backend == "cpu" else (f"not measured on {settings.backend}: the processor's formula",)
    return lines + unmeasured
