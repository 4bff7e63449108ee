"""Ollama's native API: POST /api/chat, /api/generate, /api/embed and /api/embeddings."""

import asyncio
from time import monotonic
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from labkit.api.access import require_allowed
from labkit.api.asking import answer, ignored_header, is_strict, loaded, vectors
from labkit.api.backend import ChatBackend
from labkit.api.body import parse_object
from labkit.api.embedding_answers import vectors_in_order
from labkit.api.identifiers import new_id
from labkit.api.ollama.names import find_card
from labkit.api.ollama.options import check_context
from labkit.api.ollama.requests import (
    Asked,
    EmbedAsked,
    GenerationAsked,
    parse_chat,
    parse_embed,
    parse_embeddings,
    parse_generate,
)
from labkit.api.ollama.truncating import truncated
from labkit.api.ollama.wire import OllamaWire, Shape, nanoseconds
from labkit.worker.messages import Embed, Embedded

router = APIRouter()


@router.post("/api/chat")
async def ollama_chat(request: Request) -> Response:
    """Answer a conversation; streams lines of JSON unless `stream` is false."""
    started = monotonic()
    body = parse_object(await request.body())
    asked = parse_chat(body, _backend(request).models(), new_id("ollama-"), strict=is_strict(request))
    return await _generated(request, asked, "chat", started)


@router.post("/api/generate")
async def ollama_generate(request: Request) -> Response:
    """Answer a prompt; streams lines of JSON unless `stream` is false."""
    started = monotonic()
    body = parse_object(await request.body())
    asked = parse_generate(body, _backend(request).models(), new_id("ollama-"), strict=is_strict(request))
    return await _generated(request, asked, "generate", started)


@router.post("/api/embed")
async def ollama_embed(request: Request) -> Response:
    """A vector of length 1 for each input."""
    started = monotonic()
    asked = parse_embed(parse_object(await request.body()), _backend(request).models(), strict=is_strict(request))
    load_seconds = await _load(request, asked)
    parts = await _vectors(request, asked, normalize=True)
    figures = {
        "total_duration": nanoseconds(monotonic() - started),
        "load_duration": nanoseconds(load_seconds),
        "prompt_eval_count": sum(part.usage.prompt_tokens for part in parts if part.usage),
    }
    return await _written({"model": asked.name, "embeddings": parts, **figures}, asked)


@router.post("/api/embeddings")
async def ollama_embeddings(request: Request) -> Response:
    """The vector of one prompt, as the model gives it."""
    asked = parse_embeddings(parse_object(await request.body()), _backend(request).models(), strict=is_strict(request))
    await _load(request, asked)
    parts = await _vectors(request, asked, normalize=False)
    return await _written({"embedding": parts}, asked)


async def _generated(request: Request, asked: GenerationAsked, shape: Shape, started: float) -> Response:
    if asked.operation is None and asked.keep_alive == 0:
        require_allowed(request, asked.card.name)
        await _backend(request).unload(asked.card.name)
        return _only(OllamaWire(asked.name, shape, started=started).empty("unload"), asked)
    load_seconds = await _load(request, asked)
    wire = OllamaWire(asked.name, shape, started=started, load_seconds=load_seconds)
    if asked.operation is None:
        return _only(wire.empty("load"), asked)
    return await answer(request, asked.call(asked.operation), wire)


async def _load(request: Request, asked: Asked) -> float:
    """Seconds that loading took. Its context is known only now, where it was not loaded."""
    seconds = await loaded(request, asked.card.name, asked.keep_alive)
    if asked.num_ctx is not None and asked.card.context_tokens is None:
        check_context(asked.num_ctx, find_card(asked.card.name, _backend(request).models()))
    return seconds


async def _vectors(request: Request, asked: EmbedAsked, *, normalize: bool) -> list[Embedded]:
    if not asked.inputs:
        return []
    inputs: tuple[str | tuple[int, ...], ...] = asked.inputs
    context = find_card(asked.card.name, _backend(request).models()).context_tokens
    if asked.truncate and context is not None:
        inputs = await truncated(request, asked.card.name, asked.inputs, context)
    embed = Embed(new_id("ollama-"), inputs, dimensions=asked.dimensions, normalize=normalize)
    return await vectors(request, asked.card.name, embed, asked.ignored)


async def _written(answer: dict[str, Any], asked: EmbedAsked) -> Response:
    """The answer with its vectors as numbers. In another thread: they may be many, and other clients wait for none."""

    def render() -> bytes:
        whole = dict(answer)
        for name in ("embeddings", "embedding"):
            if name in whole:
                rows = vectors_in_order(whole[name])
                whole[name] = rows if name == "embeddings" else next(iter(rows), [])
        return msgspec.json.encode(whole)

    return Response(
        await asyncio.to_thread(render), headers=ignored_header(asked.ignored), media_type="application/json"
    )


def _only(answer: dict[str, Any], asked: GenerationAsked) -> Response:
    return JSONResponse(answer, headers=ignored_header(asked.ignored))


def _backend(request: Request) -> ChatBackend:
    return request.app.state.backend
