"""POST /v1/completions, streamed and not."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from labkit.api.asking import answer, is_strict
from labkit.api.body import parse_object
from labkit.api.completion_answers import CompletionWire
from labkit.api.completion_request import parse_completion_call
from labkit.api.identifiers import new_id

router = APIRouter()


@router.post("/v1/completions")
async def create_completion(request: Request) -> Response:
    """Go on from a text, or from several. A client that leaves cancels its request, streamed or not."""
    body = parse_object(await request.body())
    answer_id = new_id("cmpl-")
    call = parse_completion_call(body, answer_id, strict=is_strict(request))
    return await answer(request, call, CompletionWire(call, answer_id))
