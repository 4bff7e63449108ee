"""What the routes need from whoever runs the models."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from labkit.worker.messages import Capability, Delta, Embed, Embedded, Generation, Question, Reply, Rerank

PROBE_ID_PREFIX = "ready-"
"""Requests whose ids begin so only ask whether a model still answers: they do not keep it loaded."""

ModelState = Literal["unloaded", "loading", "ready", "restarting", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What clients may know about a model. No path is among it: answers never tell where files are.

    Attributes:
        aliases: other names that clients may use; never listed, since one may be a path that was typed.
        context_tokens: KV cells its requests share; None until it is loaded.
        size_bytes: of its weights.
        capabilities: what can be asked of it; () until it is loaded.
        vector_size: numbers of one embedding; None where it gives none.
        created: when this endpoint took it up, seconds since the epoch.
        base: the model that an adapter changes, where this is one.
        digest: sha256 of its file, where it is known.
        family: its architecture ("qwen3").
        chat_format: family that reads its answers; "" until it is loaded.
        chat_template: whether it has one; None where that is unknown.
        memory_bytes: what it takes while it is loaded, by the estimator.
    """

    name: str
    created: int
    context_tokens: int | None = None
    trained_context_tokens: int | None = None
    num_parameters: int | None = None
    num_slots: int | None = None
    num_threads: int | None = None
    size_bytes: int | None = None
    quantization: str | None = None
    license: str | None = None
    description: str | None = None
    aliases: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    vector_size: int | None = None
    base: str | None = None
    digest: str | None = None
    family: str | None = None
    chat_format: str = ""
    chat_template: bool | None = None
    memory_bytes: int | None = None

    def is_called(self, name: str) -> bool:
        """Whether clients may use `name` for it."""
        return name == self.name or name in self.aliases


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """How a model's worker is doing. `reason` says why it is not ready.

    `loaded_at` and `expires_at` are seconds since the epoch: since when it is loaded, and when it will be unloaded if
    nobody asks it; None for never.
    """

    state: ModelState
    reason: str = ""
    num_running: int = 0
    num_waiting: int = 0
    last_step_age_seconds: float | None = None
    num_restarts: int = 0
    loaded_at: float | None = None
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class ModelStats:
    """What a model's worker last said of itself; a second old at most while it is ready.

    `engine` has the fields of `labkit.engine.stats.EngineStats`, counters since the worker's start among them;
    `pid` is the worker's, None where there is none; `num_loads` and `num_evictions` (unloaded for another model, or for
    want of requests) are counted since the endpoint's start.
    """

    health: ModelHealth
    engine: dict[str, Any]
    pid: int | None = None
    num_loads: int = 0
    num_evictions: int = 0


class ChatBackend(Protocol):
    """Runs conversations. Implemented by `labkit.serving`; tests bring their own."""

    def models(self) -> tuple[ModelCard, ...]:
        """Every model that can be asked for. Does not block."""
        ...

    def health(self) -> dict[str, ModelHealth]:
        """State by model name. Does not block."""
        ...

    def stats(self) -> dict[str, ModelStats]:
        """Figures by model name. Does not block."""
        ...

    def generate(self, model: str, request: Generation) -> AsyncGenerator[list[Delta], None]:
        """Deltas of one answer; the last one has `finish_reason`, `usage` and `timings`.

        Each list holds all that is new: one delta, or as many as there are choices, or one for several steps when its
        reader was not as fast as the model. Raises an error of labkit's tree at any point, once. Closing the generator
        (or cancelling the task that iterates it) cancels the request and frees its slot.
        """
        ...

    async def embed(self, model: str, request: Embed | Rerank) -> list[Embedded]:
        """Vectors of an Embed, or head outputs of a Rerank: parts that name each input once; the last has `usage`.

        Raises an error of labkit's tree. Cancelling the task cancels the request.
        """
        ...

    async def ask(self, model: str, question: Question) -> Reply:
        """The reply to a question; never Refused, which is raised as the error it holds."""
        ...

    async def load(self, model: str, keep_alive_seconds: float | None = None) -> None:
        """Load a model ahead of its first request, and set how long it stays without one.

        None leaves that as it is, infinity keeps it until another needs its memory. Raises what loading raises.
        """
        ...

    async def unload(self, model: str) -> None:
        """Free a model's memory when its running requests are over. Nothing happens when it is not loaded."""
        ...
