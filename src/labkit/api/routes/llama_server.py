"""Routes that only llama-server has: POST /completion, and GET /props."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from labkit.api.asking import answer, is_strict, reply
from labkit.api.body import parse_object
from labkit.api.completion_request import parse_native_call
from labkit.api.identifiers import new_id, question_id
from labkit.api.named_model import card_of, named_or_only
from labkit.api.native_answers import NativeWire
from labkit.worker.questions import DescribeTokenizer, TokenizerDescribed

router = APIRouter()


@router.post("/completion")
@router.post("/completions", include_in_schema=False)
async def create_native_completion(request: Request) -> Response:
    """Go on from a text. A client that leaves cancels its request, streamed or not."""
    body = parse_object(await request.body())
    named = body.get("model")
    model = named_or_only(request.app.state.backend, named if isinstance(named, str) else None)
    strict = is_strict(request)
    call = parse_native_call(body, new_id("cmpl-"), model, strict=strict)
    return await answer(request, call, NativeWire(call))


@router.get("/props")
async def get_props(request: Request, model: str | None = None) -> Response:
    """What llama-server's clients ask before they begin. Where the file is stays here: `model_path` is the name."""
    name = named_or_only(request.app.state.backend, model)
    found = await reply(request, name, DescribeTokenizer(question_id()))
    assert isinstance(found, TokenizerDescribed)
    card = card_of(request.app.state.backend, name)
    return JSONResponse(
        {
            "default_generation_settings": {"n_ctx": card.context_tokens, "speculative": False, "is_processing": False},
            "total_slots": card.num_slots,
            "model_alias": card.name,
            "model_path": card.name,
            "chat_template": found.chat_template or "",
            "bos_token": found.special_tokens.get("bos", (-1, ""))[1],
            "eos_token": found.special_tokens.get("eos", (-1, ""))[1],
            "modalities": {"vision": False, "audio": False},
            "build_info": "labkit",
            "is_sleeping": False,
        }
    )
