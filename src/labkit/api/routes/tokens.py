"""The tokenizer and the template of a model: POST /tokenize, /detokenize, /apply-template, GET /tokenizer_info.

One route each for llama-server's clients and vLLM's: the answers hold what both look for.
"""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from labkit.api.asking import ignored_header, is_strict, reply
from labkit.api.body import parse_object
from labkit.api.conversation_request import refuse_foreign_parts
from labkit.api.generation_request import validated
from labkit.api.identifiers import question_id
from labkit.api.named_model import card_of, named_or_only
from labkit.api.schemas.chat import ChatCompletionBody
from labkit.api.schemas.fields import ignored_in, refuse_ignored, refuse_unsupported
from labkit.api.schemas.tokens import ApplyTemplateBody, DetokenizeBody, TokenizeBody
from labkit.api.token_request import REFUSED, parse_tokenize, render_question, tokenize_question
from labkit.worker.questions import (
    DescribeTokenizer,
    Detokenize,
    Detokenized,
    Render,
    Rendered,
    Tokenize,
    Tokenized,
    TokenizerDescribed,
)

router = APIRouter()


@router.post("/tokenize")
@router.post("/v1/tokenize", include_in_schema=False)
async def tokenize(request: Request) -> Response:
    """Tokens of a text, or of a conversation as the model gets it."""
    body = parse_object(await request.body())
    ignored = _checked(request, body, TokenizeBody)
    parsed = parse_tokenize(body)
    model = _model(request, parsed.model)
    if parsed.messages is None:
        found = await _tokens(request, model, tokenize_question(parsed, question_id()))
    else:
        found = await _conversation_tokens(request, model, parsed, validated(ApplyTemplateBody, body))
    answer: dict[str, Any] = {"tokens": list(found.tokens), "count": len(found.tokens)}
    answer["max_model_len"] = _context_tokens(request, model)
    if parsed.with_pieces:
        pairs = zip(found.tokens, found.pieces, strict=True)
        answer["tokens"] = [{"id": token, "piece": _piece(piece)} for token, piece in pairs]
    if parsed.return_token_strs:
        answer["token_strs"] = [piece.decode(errors="replace") for piece in found.pieces]
    return JSONResponse(answer, headers=ignored_header(ignored))


@router.post("/detokenize")
@router.post("/v1/detokenize", include_in_schema=False)
async def detokenize(request: Request) -> Response:
    """Text of tokens, under llama-server's name and vLLM's."""
    body = parse_object(await request.body())
    ignored = _checked(request, body, DetokenizeBody)
    parsed = validated(DetokenizeBody, body)
    question = Detokenize(question_id(), tuple(parsed.tokens))
    found = await reply(request, _model(request, parsed.model), question)
    assert isinstance(found, Detokenized)
    return JSONResponse({"content": found.text, "prompt": found.text}, headers=ignored_header(ignored))


@router.post("/apply-template")
async def apply_template(request: Request) -> Response:
    """A conversation as the model gets it, and its number of tokens."""
    body = parse_object(await request.body())
    ignored = _checked(request, body, ApplyTemplateBody)
    found = await _rendered(request, body)
    return JSONResponse({"prompt": found.prompt, "count": found.num_tokens}, headers=ignored_header(ignored))


@router.post("/v1/chat/completions/input_tokens")
async def count_input_tokens(request: Request) -> Response:
    """How many tokens the prompt of a chat completion has, as llama-server tells it.

    The body is one that a chat completion takes: what such a one honours is not named as ignored here.
    """
    body = parse_object(await request.body())
    ignored = ignored_in(body, ChatCompletionBody, REFUSED)
    if is_strict(request):
        refuse_ignored(ignored)
    found = await _rendered(request, body)
    answer = {"object": "response.input_tokens", "input_tokens": found.num_tokens}
    return JSONResponse(answer, headers=ignored_header(ignored))


@router.get("/tokenizer_info")
async def tokenizer_info(request: Request, model: str | None = None) -> Response:
    """What vLLM's clients read of tokenizer_config.json."""
    name = _model(request, model)
    found = await reply(request, name, DescribeTokenizer(question_id()))
    assert isinstance(found, TokenizerDescribed)
    texts = {f"{role}_token": text for role, (_, text) in found.special_tokens.items()}
    return JSONResponse(
        {
            "tokenizer_class": found.kind,
            "model_max_length": _context_tokens(request, name),
            "vocab_size": found.vocab_size,
            "add_bos_token": found.adds_bos,
            "add_eos_token": found.adds_eos,
            "bos_token": None,
            "eos_token": None,
            "pad_token": None,
            **texts,
            "special_tokens": {
                role: {"id": token, "text": text} for role, (token, text) in found.special_tokens.items()
            },
            "stop_token_ids": list(found.stop_token_ids),
            "chat_template": found.chat_template,
            "chat_format": found.chat_format,
        }
    )


def _checked(request: Request, body: dict[str, Any], schema: type[BaseModel]) -> tuple[str, ...]:
    refuse_unsupported(body, REFUSED)
    ignored = ignored_in(body, schema, REFUSED)
    if is_strict(request):
        refuse_ignored(ignored)
    return ignored


def _model(request: Request, name: str | None) -> str:
    return named_or_only(request.app.state.backend, name)


def _context_tokens(request: Request, model: str) -> int | None:
    return card_of(request.app.state.backend, model).context_tokens


async def _rendered(request: Request, body: dict[str, Any]) -> Rendered:
    refuse_foreign_parts(body.get("messages"))
    parsed = validated(ApplyTemplateBody, body)
    return await _render(request, _model(request, parsed.model), render_question(parsed, question_id()))


async def _render(request: Request, model: str, question: Render) -> Rendered:
    found = await reply(request, model, question)
    assert isinstance(found, Rendered)
    return found


async def _tokens(request: Request, model: str, question: Tokenize) -> Tokenized:
    found = await reply(request, model, question)
    assert isinstance(found, Tokenized)
    return found


async def _conversation_tokens(
    request: Request, model: str, body: TokenizeBody, conversation: ApplyTemplateBody
) -> Tokenized:
    """Tokens of a rendered conversation: templates that leave the opening token out are counted with it."""
    rendered = await _render(request, model, render_question(conversation, question_id()))
    with_pieces = bool(body.with_pieces or body.return_token_strs)
    adds = bool(body.add_special_tokens)
    question = Tokenize(question_id(), rendered.prompt, add_special=adds, with_pieces=with_pieces)
    found = await _tokens(request, model, question)
    if len(found.tokens) < rendered.num_tokens:
        opened = Tokenize(question_id(), rendered.prompt, add_special=True, with_pieces=with_pieces)
        found = await _tokens(request, model, opened)
    return found


def _piece(piece: bytes) -> str | list[int]:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)
