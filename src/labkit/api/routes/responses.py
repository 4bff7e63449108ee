"""POST /v1/responses and what belongs to it: stored responses, their input items, a count of tokens."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from labkit.api.asking import answer, ignored_header, is_strict, reply
from labkit.api.backend import ChatBackend
from labkit.api.body import parse_object
from labkit.api.exchange import observation_of
from labkit.api.identifiers import new_id
from labkit.api.named_model import card_called
from labkit.api.responses.answers import ResponsesWire, rename_param
from labkit.api.responses.items import Item
from labkit.api.responses.request import ResponseCall, parse_count, parse_response_call, render_of
from labkit.api.responses.store import Owner, ResponseStore
from labkit.api.responses.truncation import Messages, room_for_prompt, shortened
from labkit.errors import InvalidRequestError, LabkitError
from labkit.worker.messages import Rendered, Reply

router = APIRouter(prefix="/v1/responses")
_MOST_LISTED = 100
_LISTED = 20


class _Memory:
    """The part of the store that one caller may see."""

    def __init__(self, store: ResponseStore, owner: Owner) -> None:
        self._store = store
        self._owner = owner

    def conversation(self, response_id: str) -> list[Item]:
        return self._store.conversation(self._owner, response_id)

    def item(self, item_id: str) -> Item | None:
        return self._store.item(self._owner, item_id)

    def keeper(self, call: ResponseCall) -> Callable[[Item], None] | None:
        if not call.keep:
            return None
        return lambda response: self._store.put(self._owner, response, call.input_items, call.previous_id)


@router.post("")
async def create_response(request: Request) -> Response:
    """Answer a conversation, part of which may be stored. A client that leaves cancels its request."""
    response_id = new_id("resp_")
    memory = _memory(request)
    body = parse_object(await request.body())
    call = parse_response_call(body, response_id, memory, strict=is_strict(request))
    wire = ResponsesWire(call.echo, response_id, memory.keeper(call), as_summary=call.as_summary, names=call.names)
    with _params_renamed():
        if call.truncates:
            call = await _truncated(request, call)
        return await answer(request, call, wire)


@router.post("/input_tokens")
async def count_input_tokens(request: Request) -> Response:
    """How many tokens a response would read. Computes nothing else."""
    count_id = new_id("count-")
    body = parse_object(await request.body())
    model, render, ignored = parse_count(body, count_id, _memory(request), strict=is_strict(request))
    with _params_renamed():
        num_tokens = _num_tokens(await reply(request, model, render))
    counted = {"object": "response.input_tokens", "input_tokens": num_tokens}
    return JSONResponse(counted, headers=ignored_header(ignored))


@router.get("/{response_id}")
async def get_response(response_id: str, request: Request) -> Response:
    """A stored response. Raises ResponseNotFoundError."""
    _check_is_id(response_id)
    if request.query_params.get("stream", "false").lower() != "false":
        raise InvalidRequestError(
            "a stored response cannot be streamed", param="stream", hint="ask for it without stream"
        )
    stored = _store(request).get(_owner(request), response_id)
    return Response(stored.response, media_type="application/json")


@router.delete("/{response_id}")
async def delete_response(response_id: str, request: Request) -> dict[str, Any]:
    """Forget a stored response. Those that go on from it cannot be continued any more."""
    _check_is_id(response_id)
    _store(request).delete(_owner(request), response_id)
    return {"id": response_id, "object": "response", "deleted": True}


@router.get("/{response_id}/input_items")
async def list_input_items(response_id: str, request: Request) -> dict[str, Any]:
    """The items that came with a request itself, newest first unless order=asc."""
    items = _store(request).get(_owner(request), response_id).items()
    if _chosen(request, "order", ("desc", "asc")) == "desc":
        items.reverse()
    if (after := request.query_params.get("after")) is not None:
        items = items[_place(items, after) + 1 :]
    page = items[: _limit(request)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(page) < len(items),
    }


@router.post("/{response_id}/cancel")
async def cancel_response(response_id: str, request: Request) -> Response:
    """Refused: nothing runs in the background here."""
    _store(request).get(_owner(request), response_id)
    raise InvalidRequestError(
        "only responses with background: true can be cancelled, and none here has it",
        param="response_id",
        code="not_cancellable",
        hint="close the connection of a running request: that cancels it",
    )


async def _truncated(request: Request, call: ResponseCall) -> ResponseCall:
    """The same call, with as much of its conversation as fits into the model's context."""
    backend: ChatBackend = request.app.state.backend

    async def count(messages: Messages) -> int:
        return _num_tokens(await reply(request, call.model, render_of(call.operation, messages)))

    everything = call.operation.messages
    if (context_tokens := _context_tokens(backend, call.model)) is None:
        await count(everything)  # loads the model: then its context is known
        context_tokens = _context_tokens(backend, call.model)
    if context_tokens is None:
        return call
    messages = await shortened(everything, room_for_prompt(context_tokens, call.operation.max_tokens), count)
    return dataclasses.replace(call, operation=msgspec.structs.replace(call.operation, messages=messages))


def _context_tokens(backend: ChatBackend, model: str) -> int | None:
    card = card_called(model, backend.models())
    return card.context_tokens if card else None


def _num_tokens(answered: Reply) -> int:
    assert isinstance(answered, Rendered)
    return answered.num_tokens


@contextlib.contextmanager
def _params_renamed() -> Iterator[None]:
    """Errors of workers name fields as they are called here."""
    try:
        yield
    except LabkitError as error:
        rename_param(error)
        raise


def _memory(request: Request) -> _Memory:
    return _Memory(_store(request), _owner(request))


def _store(request: Request) -> ResponseStore:
    return request.app.state.responses


def _owner(request: Request) -> Owner:
    caller = observation_of(request).caller
    return caller.tenant, caller.key_id


def _check_is_id(response_id: str) -> None:
    """A path beside those of stored responses takes no other method because of them."""
    if response_id == "input_tokens":
        raise HTTPException(405)


def _place(items: list[Item], item_id: str) -> int:
    for index, item in enumerate(items):
        if item["id"] == item_id:
            return index
    raise InvalidRequestError(f"there is no item {item_id[:80]!r} here", param="after")


def _limit(request: Request) -> int:
    given = request.query_params.get("limit", str(_LISTED))
    if not (given.isascii() and given.isdigit() and len(given) < 4 and 1 <= int(given) <= _MOST_LISTED):
        raise InvalidRequestError(f"limit must be a number from 1 to {_MOST_LISTED}", param="limit")
    return int(given)


def _chosen(request: Request, name: str, choices: tuple[str, ...]) -> str:
    given = request.query_params.get(name, choices[0])
    if given not in choices:
        raise InvalidRequestError(f"{name} must be {' or '.join(choices)}", param=name)
    return given
