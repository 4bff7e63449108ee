"""GET /health and /labkit/stats: liveness of the front, and what each model's worker last said about itself."""

import dataclasses

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from labkit.api.backend import ChatBackend

router = APIRouter()


@router.get("/labkit/stats")
async def get_stats(request: Request) -> JSONResponse:
    """What each engine runs, keeps and has saved: cells, cache hits by tier, drafts, preemptions. Asks no worker."""
    backend: ChatBackend = request.app.state.backend
    return JSONResponse({"models": {name: dataclasses.asdict(stats) for name, stats in backend.stats().items()}})


@router.get("/health")
async def get_health(request: Request) -> JSONResponse:
    """200 when at least one model can answer, else 503. Asks no worker: their pulses are on record."""
    backend: ChatBackend = request.app.state.backend
    models = backend.health()
    ready = any(health.state == "ready" for health in models.values())
    body = {
        "status": "ok" if ready else "unavailable",
        "models": {name: dataclasses.asdict(health) for name, health in models.items()},
    }
    return JSONResponse(body, status_code=200 if ready else 503)
