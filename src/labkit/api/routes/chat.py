"""POST /v1/chat/completions, streamed and not."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from labkit.api.asking import answer, is_strict
from labkit.api.body import parse_object
from labkit.api.chat_answers import ChatWire
from labkit.api.chat_request import parse_chat_call
from labkit.api.identifiers import new_id

router = APIRouter()


@router.post("/v1/chat/completions")
async def create_chat_completion(request: Request) -> Response:
    """Answer a conversation. A client that leaves cancels its request, streamed or not."""
    body = parse_object(await request.body())
    answer_id = new_id("chatcmpl-")
    call = parse_chat_call(body, answer_id, strict=is_strict(request))
    wire = ChatWire(call.model, answer_id, include_usage=call.include_usage, service_tier=call.service_tier)
    return await answer(request, call, wire)
