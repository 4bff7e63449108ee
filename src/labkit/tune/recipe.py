"""Training recipes: a YAML file that says everything about a run. Unknown keys are refused, all problems at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from labkit.errors import RecipeError
from labkit.tune.nano.tasks import TASKS

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TokenizerPart(_Part):
    """Byte-level BPE, trained on conversations of the first phase's mix."""

    vocab_size: Annotated[int, Field(ge=300)] = 1536
    num_spaced_words: Annotated[int, Field(ge=0)] = 64
    num_conversations: Positive = 20_000


class ModelPart(_Part):
    """Sizes of the transformer."""

    hidden_size: Positive = 256
    num_layers: Positive = 6
    num_heads: Positive = 4
    num_kv_heads: Positive = 2
    head_size: Positive = 64
    ffn_size: Positive = 512
    context_tokens: Positive = 1024
    rope_base: float = 10_000.0

    @model_validator(mode="after")
    def _heads_divide(self) -> ModelPart:
        if self.num_heads % self.num_kv_heads:
            raise ValueError("num_kv_heads must divide num_heads")
        return self


class Phase(_Part):
    """A mix of tasks from one step on; weights are relative shares of the samples drawn.

    `rate` is a factor on the optimizers' rates.
    """

    from_step: Annotated[int, Field(ge=0)]
    rate: Annotated[float, Field(gt=0)] = 1.0
    weights: dict[str, Annotated[float, Field(gt=0)]]

    @model_validator(mode="after")
    def _tasks_exist(self) -> Phase:
        unknown = sorted(set(self.weights) - set(TASKS))
        if unknown:
            raise ValueError(f"unknown tasks {', '.join(unknown)}; known are {', '.join(TASKS)}")
        return self


class OptimizerPart(_Part):
    """Muon for the matrices in the layers, AdamW for embeddings and norms.

    The rate decays up to `decay_end_step` (the last one, unless stated) and stays at `final_rate` after it.
    """

    matrix_rate: float = 0.02
    other_rate: float = 0.004
    momentum: Share = 0.95
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    decay_share: Share = 0.5
    final_rate: Share = 0.02
    decay_end_step: Annotated[int, Field(gt=0)] | None = None


class BatchPart(_Part):
    """Tokens of one optimizer step and, roughly, of one forward; padding not counted."""

    step_tokens: Positive = 2048
    forward_tokens: Positive = 768
    max_conversation_tokens: Positive = 384


class SavePart(_Part):
    """When to write a checkpoint and when to score held-out items."""

    checkpoint_every_steps: Positive = 250
    eval_every_steps: Positive = 500
    eval_items: Positive = 50


class Recipe(_Part):
    """One training run from scratch."""

    kind: Literal["pretrain"]
    name: str
    description: str = ""
    seed: int = 0
    steps: Positive
    threads: Positive = 3
    tokenizer: TokenizerPart = TokenizerPart()
    model: ModelPart = ModelPart()
    phases: tuple[Phase, ...]
    optimizer: OptimizerPart = OptimizerPart()
    batch: BatchPart = BatchPart()
    save: SavePart = SavePart()

    @model_validator(mode="after")
    def _phases_in_order(self) -> Recipe:
        starts = [phase.from_step for phase in self.phases]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("phases must start at step 0 and be in ascending order")
        return self

    def phase_at(self, step: int) -> Phase:
        """The phase that a step belongs to."""
        return [phase for phase in self.phases if phase.from_step <= step][-1]


def load_recipe(path: Path) -> Recipe:
    """Reads and checks a recipe file. Raises RecipeError with every problem found."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(str(path), (f"cannot be read: {error.strerror}",)) from error
    except yaml.YAMLError as error:
        raise RecipeError(str(path), (f"is not YAML: {error}",)) from error
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        problems = tuple(f"{'.'.join(map(str, row['loc'])) or 'recipe'}: {row['msg']}" for row in error.errors())
        raise RecipeError(str(path), problems) from error
