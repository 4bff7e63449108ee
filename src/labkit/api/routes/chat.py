"""POST /v1/chat/completions, streamed and not."""

import uuid

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from labkit.api.answer import Answer, ClientGoneError, unless_gone
from labkit.api.backend import ChatBackend
from labkit.api.body import parse_object
from labkit.api.chat_answers import ChatChunks, completion
from labkit.api.chat_request import ChatCall, parse_chat_call
from labkit.api.sse import EventStream

# After this long without a token a stream starts anyway, so that the client sees headers and pings;
# errors then come as an event instead of a status code.
FIRST_DELTA_PATIENCE_SECONDS = 10.0
CLIENT_GONE_STATUS = 499  # nginx's; nobody reads it

router = APIRouter()


@router.post("/v1/chat/completions")
async def create_chat_completion(request: Request) -> Response:
    """Answer a conversation. A client that leaves cancels its request, streamed or not."""
    backend: ChatBackend = request.app.state.backend
    body = parse_object(await request.body())
    answer_id = f"chatcmpl-{uuid.uuid4().hex}"
    call = parse_chat_call(body, answer_id, strict=request.headers.get("x-labkit-strict") == "1")
    answer = Answer(backend.generate(call.model, call.generate))
    headers = {"x-labkit-ignored": ", ".join(call.ignored)[:1024]} if call.ignored else {}
    try:
        if call.stream:
            return await _stream(request, call, answer, headers)
        return await _whole(request, call, answer, headers)
    except ClientGoneError:
        return Response(status_code=CLIENT_GONE_STATUS)


async def _stream(request: Request, call: ChatCall, answer: Answer, headers: dict[str, str]) -> Response:
    try:
        await unless_gone(request.receive, answer.wait_first(FIRST_DELTA_PATIENCE_SECONDS))
    except BaseException:
        await answer.aclose()
        raise
    chunks = ChatChunks(
        call.model, call.generate.request_id, include_usage=call.include_usage, service_tier=call.service_tier
    )
    return EventStream(answer, chunks.encode, headers)


async def _whole(request: Request, call: ChatCall, answer: Answer, headers: dict[str, str]) -> Response:
    async def collected() -> JSONResponse:
        deltas = [delta async for news in answer for delta in news]
        return JSONResponse(
            completion(call.model, call.generate.request_id, deltas, service_tier=call.service_tier), headers=headers
        )

    try:
        return await unless_gone(request.receive, collected())
    finally:
        await answer.aclose()
