"""GET /openapi.json: every route of the endpoint, described. No pages that show it, and nothing from elsewhere."""

import asyncio
from functools import cache

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from labkit import __version__

router = APIRouter()


@router.get("/openapi.json")
async def get_openapi(request: Request) -> Response:
    """The document, made on first use: nobody who serves a model waits for it."""
    requires_key = bool(getattr(request.app.state, "requires_key", False))
    body = await asyncio.to_thread(_document, requires_key=requires_key)
    return Response(body, media_type="application/json")


@cache
def _document(*, requires_key: bool) -> bytes:
    from labkit.api.openapi import build_document
    from labkit.api.openapi.tables import OPERATIONS

    return msgspec.json.encode(build_document(OPERATIONS, version=__version__, requires_key=requires_key))
