"""POST /v1/completions, streamed and not."""

import uuid

from fastapi import APIRouter, Request
from starlette.responses import Response

from labkit.api.asking import answer
from labkit.api.body import parse_object
from labkit.api.completion_answers import CompletionWire
from labkit.api.completion_request import parse_completion_call

router = APIRouter()


@router.post("/v1/completions")
async def create_completion(request: Request) -> Response:
    """Go on from a text, or from several. A client that leaves cancels its request, streamed or not."""
    body = parse_object(await request.body())
    answer_id = f"cmpl-{uuid.uuid4().hex}"
    call = parse_completion_call(body, answer_id, strict=request.headers.get("x-labkit-strict") == "1")
    return await answer(request, call, CompletionWire(call, answer_id))
