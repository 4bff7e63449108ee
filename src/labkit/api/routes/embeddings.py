"""POST /v1/embeddings, and POST /v1/rerank (also as /rerank)."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from labkit.api.asking import ignored_header, is_strict, vectors
from labkit.api.body import parse_object
from labkit.api.embedding_answers import embedding_list, rerank_list
from labkit.api.embedding_request import parse_embedding_call, parse_rerank_call
from labkit.api.identifiers import new_id

router = APIRouter()


@router.post("/v1/embeddings")
async def create_embeddings(request: Request) -> Response:
    """A vector for each input. A client that leaves cancels its request."""
    body = parse_object(await request.body())
    call = parse_embedding_call(body, new_id("embd-"), strict=is_strict(request))
    parts = await vectors(request, call.model, call.embed, call.ignored)
    return await _answered(lambda: embedding_list(call, parts), call.ignored)


@router.post("/v1/rerank")
@router.post("/rerank", include_in_schema=False)
async def create_rerank(request: Request) -> Response:
    """Documents ordered by how well they answer the query. A client that leaves cancels its request."""
    body = parse_object(await request.body())
    answer_id = new_id("rerank-")
    call = parse_rerank_call(body, answer_id, strict=is_strict(request))
    parts = await vectors(request, call.model, call.rerank, call.ignored)
    return await _answered(lambda: rerank_list(call, answer_id, parts), call.ignored)


async def _answered(render: Callable[[], dict[str, Any]], ignored: tuple[str, ...]) -> Response:
    # In another thread: 2,048 vectors are some 40 MB of JSON, and other clients' tokens must not wait for it.
    body = await asyncio.to_thread(lambda: msgspec.json.encode(render()))
    return Response(body, headers=ignored_header(ignored), media_type="application/json")
