"""Ollama's native API: what there is (tags, ps, show, version), and what labkit does in its own way instead."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from labkit.api.access import allowed_models, require_allowed
from labkit.api.asking import ignored_header, is_strict, reply
from labkit.api.backend import ChatBackend
from labkit.api.body import parse_object
from labkit.api.identifiers import question_id
from labkit.api.ollama.models import API_VERSION, listed, running, shown
from labkit.api.ollama.requests import parse_show
from labkit.errors import RefusedError, UnavailableError, WorkerDiedError
from labkit.worker.messages import DescribeTokenizer, TokenizerDescribed

router = APIRouter()
# What Ollama's clients may ask and this endpoint does not do for them: what does it here.
INSTEAD = {
    "pull": "labkit pull NAME, on the machine that serves",
    "push": "labkit bundle export, and carry the file there",
    "create": "labkit serve FILE.gguf",
    "copy": "labkit serve FILE.gguf, which names a model after its file",
    "delete": "labkit rm NAME, on the machine that serves",
}


@router.get("/api/version")
async def ollama_version() -> dict[str, str]:
    """The version of Ollama's API that these routes follow."""
    return {"version": API_VERSION}


@router.get("/api/tags")
async def ollama_tags(request: Request) -> JSONResponse:
    """Every model that can be asked for."""
    return JSONResponse({"models": [listed(card) for card in allowed_models(request, _backend(request).models())]})


@router.get("/api/ps")
async def ollama_ps(request: Request) -> JSONResponse:
    """Every model that is loaded."""
    backend = _backend(request)
    states = backend.health()
    allowed = allowed_models(request, backend.models())
    cards = [card for card in allowed if card.name in states and states[card.name].state == "ready"]
    return JSONResponse({"models": [running(card, states[card.name]) for card in cards]})


@router.post("/api/show")
async def ollama_show(request: Request) -> Response:
    """What is known of one model. Loads nothing: the template of a model that is not loaded is left out."""
    backend = _backend(request)
    body = parse_object(await request.body())
    asked = parse_show(body, backend.models(), strict=is_strict(request))
    require_allowed(request, asked.card.name)
    state = backend.health().get(asked.card.name)
    is_loaded = state is not None and state.state == "ready"
    tokenizer = await _tokenizer(request, asked.card.name) if is_loaded else None
    answer = await asyncio.to_thread(shown, asked.card, tokenizer)
    return JSONResponse(answer, headers=ignored_header(asked.ignored))


@router.post("/api/pull")
async def ollama_pull() -> Response:
    """Refused: clients do not fill the disk."""
    raise _refused("pull")


@router.post("/api/push")
async def ollama_push() -> Response:
    """Refused."""
    raise _refused("push")


@router.post("/api/create")
async def ollama_create() -> Response:
    """Refused."""
    raise _refused("create")


@router.post("/api/copy")
async def ollama_copy() -> Response:
    """Refused."""
    raise _refused("copy")


@router.delete("/api/delete")
async def ollama_delete() -> Response:
    """Refused."""
    raise _refused("delete")


@router.get("/")
@router.head("/")
async def root() -> PlainTextResponse:
    """Signs of life for Ollama's clients, which ask here first."""
    return PlainTextResponse("labkit is running; it speaks the APIs of OpenAI, Anthropic and Ollama\n")


async def _tokenizer(request: Request, model: str) -> TokenizerDescribed | None:
    """None where its worker has gone meanwhile."""
    try:
        described = await reply(request, model, DescribeTokenizer(question_id()))
    except (UnavailableError, WorkerDiedError):
        return None
    return described if isinstance(described, TokenizerDescribed) else None


def _refused(what: str) -> RefusedError:
    return RefusedError(f"clients cannot {what} models here", hint=f"use: {INSTEAD[what]}")


def _backend(request: Request) -> ChatBackend:
    return request.app.state.backend
