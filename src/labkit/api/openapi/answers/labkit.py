"""Answers of labkit's own routes."""

from typing import Any, Literal

from labkit.api.openapi.answers.part import Part


class Health(Part):
    """How a model's worker is doing."""

    state: Literal["unloaded", "loading", "ready", "restarting", "failed", "stopped"]
    reason: str
    num_running: int
    num_waiting: int
    last_step_age_seconds: float | None
    num_restarts: int
    loaded_at: float | None
    expires_at: float | None


class HealthAnswer(Part):
    """The answer of GET /health."""

    status: Literal["ok", "unavailable"]
    models: dict[str, Health]


class ReadyAnswer(Part):
    """The answer of GET /ready."""

    status: Literal["ready", "not ready"]
    models: dict[str, dict[str, Any]]


class ModelStats(Part):
    """What a worker last said of itself."""

    health: Health
    engine: dict[str, Any]
    pid: int | None
    num_loads: int
    num_evictions: int


class StatsAnswer(Part):
    """The answer of GET /labkit/stats."""

    models: dict[str, ModelStats]


class VersionAnswer(Part):
    """labkit's version."""

    version: str


class RequestsAnswer(Part):
    """The last requests in short, newest first."""

    object: Literal["list"]
    data: list[dict[str, Any]]


class RequestAnswer(Part, extra="allow"):
    """What became of one request."""

    request_id: str


class DocumentAnswer(Part, extra="allow"):
    """An OpenAPI document."""

    openapi: str
    paths: dict[str, dict[str, Any]]
