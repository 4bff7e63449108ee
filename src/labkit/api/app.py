"""The application: routes, error handlers and limits around one backend."""

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from labkit.api import errors
from labkit.api.backend import ChatBackend
from labkit.api.limits import Limits, LimitsMiddleware
from labkit.api.routes import chat, embeddings, health, models
from labkit.errors import LabkitError


def create_app(backend: ChatBackend, limits: Limits | None = None) -> FastAPI:
    """An ASGI application that serves `backend`. No documentation pages, no CORS headers."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.backend = backend
    for routes in (chat, embeddings, models, health):
        app.include_router(routes.router)
    app.add_exception_handler(LabkitError, errors.on_labkit_error)
    app.add_exception_handler(HTTPException, errors.on_http_exception)
    app.add_exception_handler(Exception, errors.on_bug)
    app.add_middleware(LimitsMiddleware, limits=limits or Limits())
    return app
