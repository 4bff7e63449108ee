"""Anthropic's POST /v1/messages and /v1/messages/count_tokens."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from labkit.api.anthropic.answers import MessagesWire
from labkit.api.anthropic.request import parse_count, parse_message_call
from labkit.api.asking import answer, ignored_header, is_strict, reply
from labkit.api.body import parse_object
from labkit.api.exchange import observation_of
from labkit.api.identifiers import new_id
from labkit.worker.messages import Rendered

router = APIRouter(prefix="/v1/messages")


@router.post("")
async def create_message(request: Request) -> Response:
    """Answer a conversation. A client that leaves cancels its request, streamed or not."""
    message_id = new_id("msg_")
    call = parse_message_call(parse_object(await request.body()), message_id, strict=is_strict(request))
    wire = MessagesWire(
        call.model,
        message_id,
        request_id=observation_of(request).request_id,
        stop_sequences=call.stop_sequences,
        shows_thinking=call.shows_thinking,
    )
    return await answer(request, call, wire)


@router.post("/count_tokens")
async def count_tokens(request: Request) -> Response:
    """How many tokens a message would read. Computes nothing else."""
    body = parse_object(await request.body())
    model, render, ignored = parse_count(body, new_id("count-"), strict=is_strict(request))
    rendered = await reply(request, model, render)
    assert isinstance(rendered, Rendered)
    return JSONResponse({"input_tokens": rendered.num_tokens}, headers=ignored_header(ignored))
