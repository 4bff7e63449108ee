"""The application: routes, error handlers and layers around one backend."""

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from labkit.api import error_responses
from labkit.api.answer import ClientGoneError
from labkit.api.backend import ChatBackend
from labkit.api.exchange import ExchangeMiddleware
from labkit.api.limits import Limits, LimitsMiddleware
from labkit.api.observation import Observer
from labkit.api.routes import chat, embeddings, health, models, ollama, ollama_models
from labkit.errors import LabkitError


def create_app(backend: ChatBackend, limits: Limits | None = None, observers: Sequence[Observer] = ()) -> FastAPI:
    """An ASGI application that serves `backend`. No documentation pages, no CORS headers."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.backend = backend
    for routes in (chat, embeddings, models, health, ollama, ollama_models):
        app.include_router(routes.router)
    app.add_exception_handler(LabkitError, error_responses.on_labkit_error)
    app.add_exception_handler(HTTPException, error_responses.on_http_exception)
    app.add_exception_handler(ClientGoneError, error_responses.on_client_gone)
    app.add_exception_handler(Exception, error_responses.on_bug)
    app.add_middleware(LimitsMiddleware, limits=limits or Limits())
    app.add_middleware(ExchangeMiddleware, observers=observers)  # added last: the outermost
    return app
