"""What a person asks for, and which models cannot be that on any machine."""

from dataclasses import dataclass, field

from labkit.catalog import CatalogModel, LicenseFilter
from labkit.estimate import ContextSettings
from labkit.recommend.evidence import best_score
from labkit.recommend.goals import CAPABILITY, LEAST_TOKENS_PER_SECOND, Goal

DEFAULT_CONTEXT_TOKENS = 8192
DEFAULT_EMBEDDING_TOKENS = 2048  # a text to embed is a page, not a conversation
DEFAULT_TOP = 5
LOGITS_PER_SLOT = 17  # rows that `labkit serve` asks the core for: one token, and what is drafted behind it


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for.

    Attributes:
        context_tokens: of one conversation, or of one text to embed.
        slots: conversations that run at once, each with that context.
        least_tokens_per_second: None takes the goal's own.
        disk_bytes: room for the files; None for any.
        present: names of files that are here already, in small letters: they take no more room.
    """

    goal: Goal = "chat"
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    least_tokens_per_second: float | None = None
    top: int = DEFAULT_TOP
    slots: int = 1
    licenses: LicenseFilter = field(default_factory=LicenseFilter)
    disk_bytes: int | None = None
    present: frozenset[str] = frozenset()

    @property
    def least_speed(self) -> float:
        """Tokens per second below which a model is of no use."""
        stated = self.least_tokens_per_second
        return LEAST_TOKENS_PER_SECOND[self.goal] if stated is None else stated

    @property
    def comfortable_speed(self) -> float:
        """Tokens per second at which nobody waits: twice the least."""
        return 2 * self.least_speed

    @property
    def context(self) -> ContextSettings:
        """The context that `labkit serve` would make for it."""
        outputs = max(self.slots, LOGITS_PER_SLOT * self.slots)
        return ContextSettings(
            self.context_tokens * self.slots, num_sequences=self.slots, unified=self.slots > 1, num_outputs=outputs
        )


def default_context(goal: Goal) -> int:
    """Tokens that a person needs who does not say how many."""
    return DEFAULT_EMBEDDING_TOKENS if goal == "embedding" else DEFAULT_CONTEXT_TOKENS


def not_made_for(model: CatalogModel, goal: Goal) -> str:
    """Why a model does not suit a goal; empty when it does."""
    if CAPABILITY[goal] not in model.capabilities:
        return f"not made for {goal}"
    if goal == "chat" and model.thinking == "always":
        return "it thinks before every answer, which no chat waits for: --goal reasoning"
    if goal == "code" and "code" not in model.capabilities and best_score(model, goal) is None:
        return "no sourced score in code"
    return ""


def unsuited(model: CatalogModel, wish: Wish) -> str:
    """Why a model cannot be what is wished for, on any machine; empty when it can."""
    if reason := not_made_for(model, wish.goal):
        return reason
    if refusal := wish.licenses.refusal(model.license):
        return refusal
    if not model.gguf_repos and not model.files:
        return "no GGUF file of it is known"
    if wish.goal == "vision" and not model.projectors:
        return "no projector file of it is known, without which it cannot see"
    if model.context_tokens is None:
        return "its context length is not in the catalogue"
    if model.context_tokens < wish.context_tokens:
        return f"made for {model.context_tokens:,} tokens of context"
    return ""
