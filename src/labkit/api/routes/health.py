"""GET /health, /ready, /ping, /version and /labkit/stats: how the endpoint is, from the cheapest question up.

/health is liveness: the front lives, and at least one model can be asked; it asks no worker, and a busy engine never
fails it. Restart what fails it again and again. /ready is readiness: a token would come. Send no requests while it
fails, and restart nothing for it. Both answer HEAD too. A model that is not loaded counts as able to answer, since the
first request loads it; were it otherwise, no request would ever be sent.
"""

import dataclasses
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from labkit import __version__
from labkit.api.backend import ChatBackend, ModelHealth
from labkit.api.named_model import card_called
from labkit.api.observers import ReadinessProbe
from labkit.catalog import nearest
from labkit.errors import ModelNotFoundError

router = APIRouter()
UNAVAILABLE = 503


@router.get("/labkit/stats")
async def get_stats(request: Request) -> JSONResponse:
    """What each engine runs, keeps and has saved: cells, cache hits by tier, drafts, preemptions. Asks no worker."""
    backend: ChatBackend = request.app.state.backend
    return JSONResponse({"models": {name: dataclasses.asdict(stats) for name, stats in backend.stats().items()}})


@router.head("/health", include_in_schema=False)
@router.get("/health")
async def get_health(request: Request) -> JSONResponse:
    """200 when at least one model can answer, else 503. Asks no worker: their pulses are on record."""
    models = _health(request)
    is_alive = any(health.state in ("ready", "unloaded") for health in models.values())
    body = {
        "status": "ok" if is_alive else "unavailable",
        "models": {name: dataclasses.asdict(health) for name, health in models.items()},
    }
    return JSONResponse(body, status_code=200 if is_alive else UNAVAILABLE)


@router.head("/ready", include_in_schema=False)
@router.get("/ready")
async def get_ready(request: Request, model: str | None = None) -> JSONResponse:
    """200 when a token would come, else 503 with the reasons; of `model`, or of any where none is named.

    A model is ready when it decoded a token within 30 s, when its busy engine makes steps, or when it answers a probe
    of one token within 5 s. Probes come one at a time and every 5 s at most, and never load a model.
    """
    backend: ChatBackend = request.app.state.backend
    probe: ReadinessProbe = request.app.state.readiness
    found = await probe.of_models()
    if model is not None:
        name = _own_name(backend, model, tuple(found))
        found = {name: found[name]}
    is_ready = any(one.ready for one in found.values())
    body = {
        "status": "ready" if is_ready else "not ready",
        "models": {name: dataclasses.asdict(one) for name, one in found.items()},
    }
    return JSONResponse(body, status_code=200 if is_ready else UNAVAILABLE)


@router.head("/ping", include_in_schema=False)
@router.post("/ping", include_in_schema=False)
@router.get("/ping")
async def ping(request: Request) -> Response:
    """/health without a body, as load balancers and vLLM's clients ask for it."""
    return Response(status_code=(await get_health(request)).status_code)


@router.head("/version", include_in_schema=False)
@router.get("/version")
async def get_version() -> dict[str, Any]:
    """labkit's version, where vLLM's clients look for one."""
    return {"version": __version__}


def _health(request: Request) -> dict[str, ModelHealth]:
    backend: ChatBackend = request.app.state.backend
    return backend.health()


def _own_name(backend: ChatBackend, name: str, known: tuple[str, ...]) -> str:
    """The model's own name for any of its names. Raises ModelNotFoundError."""
    card = card_called(name, (card for card in backend.models() if card.name in known))
    if card is not None:
        return card.name
    raise ModelNotFoundError(name, nearest(name, known), hint="GET /v1/models lists them")
