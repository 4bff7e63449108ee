"""Which type each tensor of a file gets: the mixtures that llama.cpp's quantization makes without an importance matrix.

Facts: llama_tensor_get_type in src/llama-quant.cpp of ggml-org/llama.cpp, as vendored in llama-cpp-python 0.3.36.
A file named Q4_K_M is mostly Q4_K, with single tensors at more bits: those that lose most, the head, and rows that no
256-block divides. The estimator's `predicted_bytes` come from dry runs of that program, so they check this table.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from labkit.engine.synthetic.shape import DELTA_NETS, SyntheticShape
from labkit.engine.synthetic.tensors import TensorPlan
from labkit.errors import InputError
from labkit.gguf.tables import FILE_TYPES, TENSOR_TYPES, TensorType

TYPES: dict[str, tuple[int, TensorType]] = {kind.name: (number, kind) for number, kind in TENSOR_TYPES.items()}
FEW_KV_HEADS = 4  # so many query heads share a KV head: then V is small and worth more bits
HEAD_TYPE = "Q6_K"
# Types of 256-blocks and what takes their place in rows that 256 does not divide.
SMALL_BLOCK = {
    "IQ1_S": "IQ4_NL", "IQ1_M": "IQ4_NL", "IQ2_XXS": "IQ4_NL", "IQ2_XS": "IQ4_NL", "IQ2_S": "IQ4_NL",
    "IQ3_XXS": "IQ4_NL", "IQ3_S": "IQ4_NL", "IQ4_XS": "IQ4_NL", "Q2_K": "Q4_0", "Q3_K": "Q4_0", "TQ1_0": "Q4_0",
    "TQ2_0": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip
NEVER_QUANTIZED = ("_norm.weight", "ffn_gate_inp.weight", "ssm_conv1d", "shortconv.conv.weight")
HALF_PRECISION = {"per_layer_model_proj.weight"}  # stays at 16 bits in every file
CATEGORIES = {  # in this order: the first that occurs in a name decides
    "attn_qkv.weight": "v", "attn_kv_b.weight": "v", "attn_v.weight": "v", "attn_k.weight": "k",
    "attn_q.weight": "q", "attn_output.weight": "output", "ffn_up": "up", "ffn_gate": "gate", "ffn_down": "down",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor stands: the `number`-th of `count` of its kind, in a model of this shape."""

    number: int
    count: int
    shape: SyntheticShape

    @property
    def few_kv_heads(self) -> bool:
        """Whether many query heads share a KV head, as llama.cpp sees it: by layer 0.

        Hybrids state no KV heads for a recurrent layer 0, so this is never true of them; delta nets state one number.
        """
        shape = self.shape
        if shape.architecture not in DELTA_NETS and not shape.attends(0):
            return False
        return shape.num_heads >= FEW_KV_HEADS * max(shape.num_kv_heads, 1)


Rule = Callable[[Place], str | None]  # the type, or None for the base type


@dataclass(frozen=True, slots=True)
class Recipe:
    """One mixture: a base type, and rules by kind of tensor ("v", "k", "q", "output", "up", "gate", "down").

    Attributes:
        counted: kinds whose place is their number among their like; of the others it is the layer. It matters where
            layers have two of a kind (experts and a shared expert), or none.
    """

    base: str
    rules: dict[str, Rule] = field(default_factory=dict)
    head: str = HEAD_TYPE
    embedding: str | None = None
    experts: str | None = None
    counted: frozenset[str] = frozenset({"v"})


def always(kind: str) -> Rule:
    """That type everywhere."""
    return lambda _place: kind


def at_sensitive(kind: str) -> Rule:
    """That type in the first and last eighth, and in every third layer between."""

    def rule(place: Place) -> str | None:
        eighth = place.count // 8
        edge = place.number < eighth or place.number >= 7 * place.count // 8
        return kind if edge or (place.number - eighth) % 3 == 2 else None

    return rule


def in_first(share: int, kind: str, rest: str | None = None) -> Rule:
    """That type in the first 1/`share` of the layers."""
    return lambda place: kind if place.number < place.count // share else rest


def before(number: int, kind: str, rest: str | None = None) -> Rule:
    """That type in the first `number` tensors of the kind."""
    return lambda place: kind if place.number < number else rest


def in_middle(kind: str) -> Rule:
    """That type in all but the first and last eighth of the layers."""
    return lambda place: kind if place.count // 8 <= place.number < 7 * place.count // 8 else None


def if_few_kv_heads(kind: str, rest: str | None = None) -> Rule:
    """That type where many query heads share a KV head."""
    return lambda place: kind if place.few_kv_heads else rest


def _tiny_recipe(base: str, value: str, down: str, embedding: str, output: str | None) -> Recipe:
    """Under three bits: everything that is small or sensitive gets more."""

    def v(place: Place) -> str:
        many_experts = place.shape.experts is not None and place.shape.experts.num_experts >= 4
        return "Q4_K" if place.few_kv_heads or many_experts else value

    rules: dict[str, Rule] = {"v": v, "down": in_first(8, down)}
    if output:
        rules["output"] = always(output)
    return Recipe(base, rules, head="Q5_K", embedding=embedding, counted=frozenset({"v", "down"}))


RECIPES: dict[str, Recipe] = {
    "F32": Recipe("F32"),
    "F16": Recipe("F16"),
    "BF16": Recipe("BF16"),
    "Q8_0": Recipe("Q8_0", head="Q8_0"),
    "Q4_0": Recipe("Q4_0"),
    "Q4_1": Recipe("Q4_1"),
    "Q5_0": Recipe("Q5_0"),
    "Q5_1": Recipe("Q5_1"),
    "Q6_K": Recipe("Q6_K"),
    "Q5_K_S": Recipe("Q5_K"),
    "Q5_K_M": Recipe("Q5_K", {"v": at_sensitive("Q6_K"), "down": at_sensitive("Q6_K")}),
    "Q4_K_S": Recipe("Q4_K", {"v": before(4, "Q5_K"), "down": in_first(8, "Q5_K")}),
    "Q4_K_M": Recipe("Q4_K", {"v": at_sensitive("Q6_K"), "down": at_sensitive("Q6_K")}),
    "Q3_K_S": Recipe("Q3_K"),
    "Q3_K_M": Recipe(
        "Q3_K", {"v": before(2, "Q5_K", "Q4_K"), "down": in_first(16, "Q5_K", "Q4_K"), "output": always("Q4_K")}
    ),
    "Q3_K_L": Recipe("Q3_K", {"v": always("Q5_K"), "down": always("Q5_K"), "output": always("Q5_K")}),
    "Q2_K": Recipe(
        "Q2_K", {"v": if_few_kv_heads("Q4_K", "Q3_K"), "down": always("Q3_K"), "output": always("Q3_K")}
    ),
    "Q2_K_S": Recipe("Q2_K", {"v": if_few_kv_heads("Q4_K"), "down": in_first(8, "Q4_K")}),
    "IQ4_NL": Recipe("IQ4_NL", {"v": if_few_kv_heads("Q5_K"), "down": in_first(8, "Q5_K")}),
    "IQ4_XS": Recipe("IQ4_XS", {"v": if_few_kv_heads("Q5_K"), "down": in_first(8, "Q5_K")}),
    "IQ3_M": Recipe("IQ3_S", {"v": always("Q4_K"), "down": in_first(8, "Q4_K"), "output": always("Q4_K")}),
    "IQ3_S": Recipe("IQ3_S", {"v": if_few_kv_heads("Q4_K")}),
    "IQ3_XS": Recipe(
        "IQ3_S",
        {
            "v": if_few_kv_heads("Q4_K"), "k": always("IQ3_XXS"), "q": always("IQ3_XXS"),
            "gate": in_middle("IQ3_XXS"), "up": in_middle("IQ3_XXS"),
        },
    ),
    "IQ3_XXS": Recipe(
        "IQ3_XXS",
        {
            "v": if_few_kv_heads("Q4_K", "IQ3_S"), "k": always("IQ2_S"), "q": always("IQ2_S"),
            "down": in_first(8, "Q4_K", "Q3_K"), "output": always("IQ3_S"),
        },
        head="Q5_K", embedding="IQ3_S",
    ),
    "IQ2_M": _tiny_recipe("IQ2_S", "IQ3_S", "IQ3_S", "IQ3_S", "IQ3_S"),
    "IQ2_S": _tiny_recipe("IQ2_XS", "IQ3_S", "IQ3_S", "IQ3_S", "IQ3_S"),
    "IQ2_XS": _tiny_recipe("IQ2_XS", "Q2_K", "Q2_K", "Q2_K", None),
    "IQ2_XXS": _tiny_recipe("IQ2_XXS", "Q2_K", "Q2_K", "Q2_K", None),
    "IQ1_M": _tiny_recipe("IQ1_M", "Q2_K", "Q2_K", "Q2_K", "IQ2_XXS"),
    "IQ1_S": _tiny_recipe("IQ1_S", "Q2_K", "Q2_K", "Q2_K", "IQ2_XXS"),
    "TQ1_0": Recipe("TQ1_0", embedding="Q4_K"),
    "TQ2_0": Recipe("TQ2_0", embedding="Q4_K"),
    "MXFP4": Recipe("Q8_0", head="Q8_0", experts="MXFP4"),
}  # fmt: skip
_FILE_TYPE_NAMES = {"MXFP4": "MXFP4_MOE"}


def file_type(quantization: str) -> int:
    """Number of a quantization in `general.file_type`."""
    name = _FILE_TYPE_NAMES.get(quantization, quantization)
    return next(number for number, known in FILE_TYPES.items() if known == name)


def choose_types(shape: SyntheticShape, plans: tuple[TensorPlan, ...], quantization: str) -> tuple[TensorType, ...]:
    """Type of each tensor, in the order of `plans`. Pure. Raises InputError for an unknown quantization."""
    recipe = RECIPES.get(quantization)
    if recipe is None:
        raise InputError(f"there is no quantization '{quantization}'", hint=f"use one of: {', '.join(RECIPES)}")
    count_of_values = sum(_category(plan.name) == "v" for plan in plans)
    seen: Counter[str] = Counter()
    types: list[TensorType] = []
    for plan in plans:
        category = _category(plan.name)
        number = seen[category] if category in recipe.counted else _layer(plan.name)
        place = Place(number, count_of_values if category == "v" else shape.num_layers, shape)
        seen[category] += 1
        types.append(TYPES[_type(plan, recipe, place, category)][1])
    return tuple(types)


def _category(name: str) -> str:
    return next((kind for part, kind in CATEGORIES.items() if part in name), "")


def _layer(name: str) -> int:
    return int(name.split(".")[1]) if name.startswith("blk.") else 0


def _type(plan: TensorPlan, recipe: Recipe, place: Place, category: str) -> str:
    if plan.name in HALF_PRECISION:
        return "F32" if recipe.base == "F32" else "F16"
    if not _is_quantized(plan):
        return "F32"
    if recipe.base in {"F32", "F16", "BF16"}:
        return recipe.base
    return _fitting(_wanted(plan, recipe, place, category), plan)


def _is_quantized(plan: TensorPlan) -> bool:
    """Matrices, except small ones that cost more than they save."""
    if len(plan.dimensions) < 2 or not plan.name.endswith("weight"):
        return False
    return not any(part in plan.name for part in NEVER_QUANTIZED)


def _wanted(plan: TensorPlan, recipe: Recipe, place: Place, category: str) -> str:
    is_embedding = "token_embd.weight" in plan.name
    if plan.name == "output.weight" or (is_embedding and place.shape.tied_embeddings):
        return _head_type(plan, recipe)
    if recipe.experts and len(plan.dimensions) > 2:
        return recipe.experts
    if is_embedding:
        return recipe.embedding or recipe.base
    rule = recipe.rules.get(category)
    wanted = (rule(place) if rule else None) or recipe.base
    return _of_seventy_billion(wanted, place, category)


def _head_type(plan: TensorPlan, recipe: Recipe) -> str:
    return "Q8_0" if plan.dimensions[0] % TYPES[recipe.base][1].block_size else recipe.head


def _of_seventy_billion(wanted: str, place: Place, category: str) -> str:
    """Llama's 70B shares V among eight heads and gets five bits there."""
    shape = place.shape
    grouped = shape.num_heads != shape.num_kv_heads
    if category == "v" and shape.architecture == "llama" and shape.num_layers == 80 and grouped:
        return "Q5_K" if wanted in {"Q3_K", "Q4_K"} else wanted
    return wanted


def _fitting(wanted: str, plan: TensorPlan) -> str:
    """A type whose blocks divide the rows."""
    row = plan.dimensions[0]
    if row % TYPES[wanted][1].block_size == 0:
        return wanted
    smaller = SMALL_BLOCK.get(wanted, wanted)
    return smaller if row % TYPES[smaller][1].block_size == 0 else "F16"
