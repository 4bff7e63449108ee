"""One model of an endpoint: its worker while it is loaded, who uses it, and what is known of it."""

import asyncio
import dataclasses
import math
import time
from pathlib import Path
from typing import Literal

from labkit.api.backend import ModelCard, ModelHealth, ModelStats
from labkit.errors import LabkitError
from labkit.serving.fit import memory_of
from labkit.serving.load_breaker import LoadBreaker, identity_of
from labkit.serving.plan import EndpointPlan, ServedModel
from labkit.serving.residency import Resident, ResidentState, Wanted
from labkit.serving.supervisor import Supervisor
from labkit.worker.messages import Ready

HostState = Literal["unloaded", "wanted"] | ResidentState
SHORTEST_STAY_SECONDS = 0.25
"""Between a load that is to last for one request, and that request."""


class ModelHost:
    """State of one model. Everything in it belongs to the event loop; `Loads` changes it.

    Attributes:
        num_users: requests that run, or wait for it to be loaded.
        num_waiting: those of them that wait.
        last_used: when the last one ended, in the loop's seconds.
        leaves_when_idle: unload it when its requests are over.
        bringing: what loads it now; waited for by everyone who wants it.
        leaving: what unloads it now.
        room: told "load" or "refuse" when it is wanted.
        ready: what its worker said when it was loaded the last time.
        num_loads, num_evictions: how often it was loaded, and unloaded for another model or for want of requests.
    """

    def __init__(self, model: ServedModel, plan: EndpointPlan) -> None:
        self._plan = plan
        self._model = model
        self.card = model.card()
        self.identity = identity_of(model.ref.path)
        self.state: HostState = "unloaded"
        self.supervisor: Supervisor | None = None
        self.breaker = LoadBreaker()
        self.num_users = 0
        self.num_waiting = 0
        self.last_used = 0.0
        self.loaded_at: float | None = None
        self.num_loads = self.num_evictions = 0
        self.leaves_when_idle = False
        self.bringing: asyncio.Task[Supervisor] | None = None
        self.leaving: asyncio.Task[None] | None = None
        self.room: asyncio.Future[Literal["load", "refuse"]] | None = None
        self.ready: Ready | None = None
        self.error: LabkitError | None = None
        self.keep_alive_seconds = plan.keep_alive_seconds
        if model.keep_alive_seconds is not None:
            self.keep_alive_seconds = model.keep_alive_seconds

    @property
    def name(self) -> str:
        """Of the model."""
        return self._model.ref.name

    @property
    def model(self) -> ServedModel:
        """What is loaded, or will be the next time."""
        return self._model

    @model.setter
    def model(self, model: ServedModel) -> None:
        self._model = model
        self.card = dataclasses.replace(model.card(), created=self.card.created)
        self.identity = identity_of(model.ref.path)

    @property
    def is_in_use(self) -> bool:
        """Whether it takes memory, or somebody waits for it."""
        return self.state != "unloaded" or self.num_users > 0

    @property
    def memory_bytes(self) -> int:
        """What is set apart for it while it is loaded."""
        return memory_of(self._model, self._plan.engine)

    @property
    def adapters(self) -> dict[str, Path]:
        """Its adapters by name."""
        return dict(self._model.adapters)

    def resident(self) -> Resident | None:
        """Its part of the memory; None while it has none."""
        if self.state in ("unloaded", "wanted"):
            return None
        return Resident(
            self.name,
            self.memory_bytes,
            self.state,
            is_used=self.num_users > 0,
            stays=self._model.stays,
            last_used=self.last_used,
            keep_alive_seconds=max(self.keep_alive_seconds, SHORTEST_STAY_SECONDS),
        )

    def wanted(self) -> Wanted:
        """What it asks for."""
        return Wanted(self.name, self.memory_bytes)

    def health(self, now: float) -> ModelHealth:
        """State for clients. `now` is the loop's time."""
        if self.state == "wanted":
            return ModelHealth("loading", "waits for memory", num_waiting=self.num_waiting)
        if self.supervisor is None or self.state == "leaving":
            blocked = self.breaker.objection(self.identity, now)
            state = "failed" if blocked and blocked.retry_after_seconds is None else "unloaded"
            return ModelHealth(state, self.error.message if self.error else "", num_waiting=self.num_waiting)
        found = self.supervisor.health()
        expiry = resident.expires_at if (resident := self.resident()) else math.inf
        return dataclasses.replace(
            found,
            num_running=found.num_running if self.num_users else 0,  # its last pulse may be a second old
            num_waiting=found.num_waiting + self.num_waiting,
            loaded_at=self.loaded_at,
            expires_at=None if math.isinf(expiry) else time.time() + expiry - now,
        )

    def stats(self, now: float) -> ModelStats:
        """Figures of its worker's last pulse; none while it is not loaded."""
        engine, pid = ({}, None) if self.supervisor is None else (self.supervisor.stats().engine, self.supervisor.pid)
        return ModelStats(self.health(now), engine, pid, self.num_loads, self.num_evictions)

    def cards(self, aliases: tuple[str, ...] = ()) -> tuple[ModelCard, ...]:
        """What clients may know of it, and of each of its adapters."""
        card = dataclasses.replace(
            self.card, memory_bytes=self.memory_bytes, aliases=tuple(dict.fromkeys((*self.card.aliases, *aliases)))
        )
        if self.ready is not None:
            card = _completed(card, self.ready, self.supervisor)
        return (
            card,
            *(
                dataclasses.replace(card, name=name, base=self.name, aliases=(), digest=None, size_bytes=_size(path))
                for name, path in self._model.adapters
            ),
        )


def _completed(card: ModelCard, ready: Ready, supervisor: Supervisor | None) -> ModelCard:
    return dataclasses.replace(
        card,
        context_tokens=ready.context_tokens,
        trained_context_tokens=ready.trained_context_tokens,
        num_parameters=ready.num_parameters,
        num_slots=ready.num_slots,
        num_threads=supervisor.num_threads if supervisor else None,
        size_bytes=ready.model_bytes,
        description=ready.description,
        capabilities=ready.capabilities,
        vector_size=ready.vector_size,
        chat_format=ready.chat_format,
        chat_template=ready.has_chat_template,
    )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
