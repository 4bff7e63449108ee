"""The application: routes, error handlers and layers around one backend."""

from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

from labkit.access.gate import Gate
from labkit.api import error_responses
from labkit.api.access import AccessMiddleware
from labkit.api.answer import ClientGoneError
from labkit.api.backend import ChatBackend
from labkit.api.exchange import ExchangeMiddleware
from labkit.api.limits import BodyMiddleware, Limits, largest_context
from labkit.api.observation import Observer
from labkit.api.observers import Metrics, ReadinessProbe, RecentRequests
from labkit.api.origins import OriginMiddleware
from labkit.api.responses.store import ResponseStore
from labkit.api.routes import (
    chat,
    completions,
    embeddings,
    health,
    llama_server,
    messages,
    metrics,
    models,
    ollama,
    ollama_models,
    openapi,
    requests,
    responses,
    tokens,
)
from labkit.errors import LabkitError

# FastAPI's own spans and metrics: labkit has its own, which know of models and tokens.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


def create_app(
    backend: ChatBackend,
    limits: Limits | None = None,
    observers: Sequence[Observer] = (),
    *,
    explain_prompts: bool = False,
    gate: Gate | None = None,
) -> FastAPI:
    """An ASGI application that serves `backend`. No documentation pages, no CORS headers but for listed origins.

    Layers, from the outside: id and observation; Host and Origin; `gate` (keys and budgets; None lets all in); body.
    `observers` are told of every request, beside those whose routes are here. `explain_prompts` keeps the prompts of
    the last requests, for `labkit explain`.
    """
    app = FastAPI(openapi_url=None, redirect_slashes=False, telemetry=_NO_TELEMETRY)
    app.state.backend = backend
    app.state.explain_prompts, app.state.requires_key = explain_prompts, bool(gate and gate.requires_key)
    app.state.metrics, app.state.recent = Metrics(backend), RecentRequests()
    app.state.readiness = ReadinessProbe(backend)
    app.state.responses = ResponseStore()
    observers = (app.state.metrics, app.state.recent, app.state.readiness, *observers)
    for routes in (
        chat,
        completions,
        responses,
        messages,
        tokens,
        llama_server,
        embeddings,
        models,
        health,
        metrics,
        requests,
        ollama,
        ollama_models,
        openapi,
    ):
        app.include_router(routes.router)
    app.add_exception_handler(LabkitError, error_responses.on_labkit_error)
    app.add_exception_handler(HTTPException, error_responses.on_http_exception)
    app.add_exception_handler(ClientGoneError, error_responses.on_client_gone)
    app.add_exception_handler(Exception, error_responses.on_bug)
    limits = limits or Limits()
    app.add_middleware(BodyMiddleware, limits=limits, context_tokens=lambda: largest_context(backend))
    if gate is not None:
        app.add_middleware(AccessMiddleware, gate=gate)
    app.add_middleware(OriginMiddleware, host_names=limits.host_names, origins=limits.origins)
    app.add_middleware(ExchangeMiddleware, observers=observers)  # added last: the outermost
    return app
