"""From the bodies of the tokenizer's routes to what a worker is asked."""

from typing import Any

from labkit.api.conversation_request import conversation_fields, refuse_foreign_parts
from labkit.api.generation_request import validated
from labkit.api.schemas.chat import ConversationFields
from labkit.api.schemas.tokens import TokenizeBody
from labkit.errors import InvalidRequestError
from labkit.worker.questions import Render, Tokenize

REFUSED = {"chat_template": (), "mm_processor_kwargs": ({},)}


def parse_tokenize(body: dict[str, Any]) -> TokenizeBody:
    """The body, with exactly one text or conversation in it. Raises InvalidRequestError."""
    refuse_foreign_parts(body.get("messages"))
    parsed = validated(TokenizeBody, body)
    given = [name for name in ("content", "prompt", "messages") if getattr(parsed, name) is not None]
    if not given:
        raise InvalidRequestError(
            "there is nothing to tokenize", param="content", hint="send content, prompt or messages"
        )
    if len(given) > 1:
        raise InvalidRequestError(f"{given[0]} and {given[1]} cannot both be tokenized", param=given[1])
    return parsed


def tokenize_question(body: TokenizeBody, request_id: str) -> Tokenize:
    """What is asked about a text: vLLM adds the opening token unless told otherwise, llama-server only if told."""
    is_content = body.content is not None
    adds = body.add_special is True if is_content else body.add_special_tokens is not False
    return Tokenize(
        request_id,
        (body.content if is_content else body.prompt) or "",
        add_special=adds,
        parse_special=body.parse_special is not False,
        with_pieces=bool(body.with_pieces or body.return_token_strs),
    )


def render_question(body: ConversationFields, request_id: str) -> Render:
    """What is asked about a conversation. Raises InvalidRequestError."""
    fields = conversation_fields(body)
    begins = body.add_generation_prompt is not False and not fields["continue_final"]
    return Render(request_id=request_id, **fields, add_generation_prompt=begins)
