"""The way of every request for text: one call of a backend, one answer in the words of the API that was asked."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol, TypeVar

import msgspec
from fastapi import Request
from starlette.responses import JSONResponse, Response

from labkit.api.access import admit, require_allowed
from labkit.api.answer import Answer, ClientGoneError, unless_gone
from labkit.api.backend import ChatBackend
from labkit.api.exchange import observation_of
from labkit.api.several import generated
from labkit.api.streaming import AnswerStream, StreamWire
from labkit.worker.messages import Delta, Embed, Embedded, Generation, Question, Reply, Rerank

# After this long without a token a stream starts anyway, so that the client sees headers and pings;
# errors then come as an event instead of a status code.
FIRST_DELTA_PATIENCE_SECONDS = 10.0
_MAX_HEADER_CHARS = 1024
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a body asks for, whatever API it was written for.

    Attributes:
        more: the same question about further texts, whose answers are further choices of the one answer.
        given: fields that the client set and that are honoured, for `labkit explain`.
        ignored: names of fields that have no effect, for the header x-labkit-ignored.
    """

    model: str
    operation: Generation
    more: tuple[Generation, ...] = ()
    stream: bool = False
    ignored: tuple[str, ...] = ()
    given: dict[str, Any] = field(default_factory=dict)


class Wire(StreamWire, Protocol):
    """How one API writes one answer, streamed or whole."""

    def whole(self, deltas: list[Delta]) -> dict[str, Any]:
        """The answer as one object, from all of its deltas."""
        ...


async def answer(request: Request, call: Call, wire: Wire) -> Response:
    """Answer `call`, streamed or whole. A client that leaves cancels its request. Raises early errors."""
    backend: ChatBackend = request.app.state.backend
    observation = observation_of(request)
    observation.model, observation.operation = call.model, call.operation
    observation.answer_id, observation.is_stream = call.operation.request_id, call.stream
    observation.given, observation.ignored = call.given, call.ignored
    operations = admit(request, call.model, (call.operation, *call.more))
    if request.app.state.explain_prompts:
        operations = tuple(msgspec.structs.replace(one, tell_prompt=True) for one in operations)
    running = Answer(generated(backend, call.model, operations), observation)
    if call.stream:
        return await _stream(request, running, wire, ignored_header(call.ignored))
    return await _whole(request, running, wire, ignored_header(call.ignored))


async def vectors(
    request: Request, model: str, operation: Embed | Rerank, ignored: tuple[str, ...] = ()
) -> list[Embedded]:
    """All parts of the answer to an Embed or a Rerank. Raises ClientGoneError when the client leaves, and its error."""
    backend: ChatBackend = request.app.state.backend
    observation = observation_of(request)
    observation.model, observation.operation = model, operation
    observation.answer_id, observation.ignored = operation.request_id, ignored
    admit(request, model, (operation,))
    parts = await _unless_gone(request, backend.embed(model, operation))
    observation.see_parts(parts)
    return parts


async def reply(request: Request, model: str, question: Question) -> Reply:
    """The reply to a question about a model. Raises ClientGoneError when the client leaves, and its error."""
    backend: ChatBackend = request.app.state.backend
    observation = observation_of(request)
    observation.model, observation.operation = model, question
    require_allowed(request, model)
    return await _unless_gone(request, backend.ask(model, question))


async def loaded(request: Request, model: str, keep_alive_seconds: float | None) -> float:
    """Load a model, and set how long it stays (None leaves that as it is). Seconds it took.

    Raises ClientGoneError when the client leaves, and what loading raises.
    """
    backend: ChatBackend = request.app.state.backend
    observation_of(request).model = model
    require_allowed(request, model)
    started = monotonic()
    await _unless_gone(request, backend.load(model, keep_alive_seconds))
    return monotonic() - started


async def _unless_gone(request: Request, work: Awaitable[_Result]) -> _Result:
    try:
        return await unless_gone(request.receive, work)
    except ClientGoneError:
        observation_of(request).client_left = True
        raise


def is_strict(request: Request) -> bool:
    """Whether fields without effect are to be refused."""
    return request.headers.get("x-labkit-strict") == "1"


def ignored_header(ignored: tuple[str, ...]) -> dict[str, str]:
    """The header that names fields without effect; none where there are none."""
    return {"x-labkit-ignored": ", ".join(ignored)[:_MAX_HEADER_CHARS]} if ignored else {}


async def _stream(request: Request, running: Answer, wire: Wire, headers: dict[str, str]) -> Response:
    try:
        await _unless_gone(request, running.wait_first(FIRST_DELTA_PATIENCE_SECONDS))
    except BaseException:
        await running.aclose()
        raise
    return AnswerStream(running, wire, headers)


async def _whole(request: Request, running: Answer, wire: Wire, headers: dict[str, str]) -> Response:
    async def collected() -> JSONResponse:
        deltas = [delta async for news in running for delta in news]
        return JSONResponse(wire.whole(deltas), headers=headers)

    try:
        return await _unless_gone(request, collected())
    finally:
        await running.aclose()
