"""GET /labkit/requests and /labkit/requests/{id}: what became of the last requests."""

import dataclasses
from typing import Any

from fastapi import APIRouter, Request

from labkit.api.backend import ChatBackend
from labkit.api.exchange import observation_of
from labkit.api.observers import RecentRequests
from labkit.errors import InvalidRequestError, RequestNotFoundError

router = APIRouter()
DEFAULT_LISTED, MOST_LISTED = 20, 1000
PROMPT_HINT = "prompts are not kept; to keep them, start the endpoint with: labkit serve MODEL --explain-prompts"


@router.get("/labkit/requests")
async def list_requests(request: Request, limit: str = str(DEFAULT_LISTED)) -> dict[str, Any]:
    """The last requests in short, newest first. A key sees its own."""
    if not (limit.isascii() and limit.isdigit() and 0 < int(limit[:6]) <= MOST_LISTED):
        raise InvalidRequestError(f"limit must be a number from 1 to {MOST_LISTED}", param="limit")
    recent: RecentRequests = request.app.state.recent
    return {"object": "list", "data": recent.newest(observation_of(request).caller, int(limit))}


@router.get("/labkit/requests/{request_id:path}")
async def get_request(request_id: str, request: Request) -> dict[str, Any]:
    """One request, by its x-request-id or the id of its answer; "last" is the newest. Raises RequestNotFoundError."""
    recent: RecentRequests = request.app.state.recent
    caller = observation_of(request).caller
    wanted = request_id
    if wanted == "last":
        newest = recent.newest(caller, 1)
        wanted = newest[0]["request_id"] if newest else wanted
    found = recent.find(wanted, caller)
    if found is None:
        raise RequestNotFoundError(request_id[:80])
    if found["prompt"] is None:
        found["prompt_hint"] = None if request.app.state.explain_prompts else PROMPT_HINT
    return found | {"worker": _worker(request.app.state.backend, found["model"])}


def _worker(backend: ChatBackend, model: str | None) -> dict[str, Any] | None:
    """How the model's worker is now."""
    health = backend.health().get(model or "")
    return dataclasses.asdict(health) if health else None
