"""From the body of a chat completion to what a worker is asked: checks that need more than one field."""

from dataclasses import dataclass
from typing import Any

from labkit.api.asking import Call
from labkit.api.constraint_request import language_of
from labkit.api.conversation_request import chosen_tools, conversation_fields, refuse_foreign_parts
from labkit.api.generation_request import answered_tier, num_logprobs, shared_fields, validated, wants_usage
from labkit.api.schemas.chat import ChatCompletionBody
from labkit.api.schemas.fields import REFUSED, ignored_in, refuse_ignored, refuse_unsupported
from labkit.errors import InvalidRequestError
from labkit.worker.messages import Generate

_GIVEN = (frozenset(ChatCompletionBody.model_fields) | frozenset(REFUSED)) - {"model", "messages"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCall(Call):
    """One chat completion: what to ask of which model, and how to write the answer.

    `service_tier` is the one that is used, where the client named one.
    """

    operation: Generate
    include_usage: bool
    service_tier: str | None = None


def parse_chat_call(body: dict[str, Any], request_id: str, *, strict: bool = False) -> ChatCall:
    """The call in a JSON object. Raises InvalidRequestError with `param` for the first field that is wrong."""
    refuse_unsupported(body)
    refuse_foreign_parts(body.get("messages"))
    ignored = ignored_in(body, ChatCompletionBody, REFUSED)
    if strict:
        refuse_ignored(ignored)
    parsed = validated(ChatCompletionBody, body)
    return ChatCall(
        model=parsed.model,
        operation=_generate(parsed, request_id),
        stream=bool(parsed.stream),
        include_usage=wants_usage(parsed),
        ignored=ignored,
        given={name: value for name, value in body.items() if name in _GIVEN},
        service_tier=answered_tier(parsed),
    )


def _generate(body: ChatCompletionBody, request_id: str) -> Generate:
    conversation = conversation_fields(body)
    if body.add_generation_prompt is False and not conversation["continue_final"]:
        place = "add_generation_prompt"
        raise InvalidRequestError(f"{place}: false is only for continue_final_message: true", param=place)
    tool_choice, tools = chosen_tools(body.tool_choice, conversation["tools"])
    language = language_of(body)
    schema = language.schema if language else None
    return Generate(
        request_id=request_id,
        **conversation | {"tools": tools},
        tool_choice=tool_choice,
        parallel_tool_calls=body.parallel_tool_calls is not False,
        response_schema=schema,
        logprobs=num_logprobs(body.logprobs, body.top_logprobs),
        **shared_fields(body, _max_tokens(body), language if schema is None else None),
    )


def _max_tokens(body: ChatCompletionBody) -> int | None:
    old, new = body.max_tokens, body.max_completion_tokens
    if old is not None and new is not None and old != new:
        raise InvalidRequestError(
            "max_tokens and max_completion_tokens differ", param="max_tokens", hint="send only one of them"
        )
    return new if new is not None else old
