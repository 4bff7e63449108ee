"""From a request body to what a worker is asked: checks that need more than one field, and the translation."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from labkit.api.asking import Call
from labkit.api.schema_errors import explained
from labkit.api.schemas.chat import MAX_STOP_BYTES, ChatCompletionBody, Message, NamedTool, Tool
from labkit.api.schemas.fields import REFUSED, ignored_fields, refuse_ignored, refuse_unsupported
from labkit.engine.types import AdapterUse, Constraint, Lane, SamplingOverrides
from labkit.errors import InvalidRequestError
from labkit.worker.messages import Generate

_SAMPLING = (
    "temperature", "top_p", "min_p", "typical_p", "top_n_sigma", "xtc_probability", "xtc_threshold", "dry_multiplier",
    "dry_base", "dry_allowed_length", "presence_penalty", "frequency_penalty", "repetition_penalty", "seed",
)  # fmt: skip
# OpenAI's tiers: who waits for whom. "auto" and "default" are the same here.
_LANES: dict[str | None, Lane] = {"priority": "interactive", "flex": "batch"}
_TREATED = frozenset(ChatCompletionBody.model_fields) | frozenset(REFUSED)
_SAID_ELSEWHERE = frozenset({"model", "messages"})
_HONOURED_IN_MESSAGE = frozenset(Message.model_fields)


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
    _refuse_foreign_parts(body.get("messages"))
    ignored = ignored_fields(body, _TREATED) + _ignored_in_messages(body.get("messages"))
    if strict:
        refuse_ignored(ignored)
    try:
        parsed = ChatCompletionBody.model_validate(body)
    except ValidationError as error:
        raise explained(error) from error
    if parsed.stream_options and not parsed.stream:
        raise InvalidRequestError("stream_options is only for stream: true", param="stream_options")
    return ChatCall(
        model=parsed.model,
        operation=_generate(parsed, request_id),
        stream=bool(parsed.stream),
        include_usage=bool(parsed.stream_options and parsed.stream_options.include_usage),
        ignored=ignored,
        given={name: value for name, value in body.items() if name in _TREATED and name not in _SAID_ELSEWHERE},
        service_tier="default" if parsed.service_tier == "auto" else parsed.service_tier,
    )


def _generate(body: ChatCompletionBody, request_id: str) -> Generate:
    tools = _tools(body.tools or [])
    return Generate(
        request_id=request_id,
        messages=tuple(_message(message, f"messages[{index}]") for index, message in enumerate(body.messages)),
        tools=tools,
        tool_choice=_tool_choice(body, {tool["function"]["name"] for tool in tools}),
        parallel_tool_calls=body.parallel_tool_calls is not False,
        response_schema=_response_schema(body),
        sampling=_sampling(body),
        max_tokens=_max_tokens(body),
        stop=_stop(body),
        ignore_eos=bool(body.ignore_eos),
        constraint=given_constraint(body),
        num_choices=body.n or 1,
        logprobs=_logprobs(body),
        adapters=_adapters(body),
        lane=_LANES.get(body.service_tier, "normal"),
        reuse=body.cache_prompt is not False,
    )


def _message(message: Message, place: str) -> dict[str, Any]:
    plain = message.model_dump(exclude_none=True)
    if isinstance(message.content, list):
        plain["content"] = "\n".join(part.text or part.refusal for part in message.content)
    plain.setdefault("content", None)
    if message.role == "tool" and message.tool_call_id is None:
        raise InvalidRequestError("a tool message needs tool_call_id", param=f"{place}.tool_call_id")
    if message.tool_calls is not None and message.role != "assistant":
        raise InvalidRequestError("only assistant messages have tool_calls", param=f"{place}.tool_calls")
    if plain["content"] is None and not message.tool_calls:
        if message.role != "assistant":
            raise InvalidRequestError(f"a {message.role} message needs content", param=f"{place}.content")
        plain["content"] = ""
    return plain


def _tools(tools: list[Tool]) -> tuple[dict[str, Any], ...]:
    names = [tool.function.name for tool in tools]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidRequestError(f"two tools are named {name}", param=f"tools[{index}].function.name")
    return tuple(tool.model_dump(exclude_none=True) for tool in tools)


def _tool_choice(body: ChatCompletionBody, known: set[str]) -> str:
    choice = body.tool_choice or "auto"
    if isinstance(choice, NamedTool):
        name = choice.function.name
        if name not in known:
            raise InvalidRequestError(f"tool_choice names {name!r}, which is not among tools", param="tool_choice")
        return f"name:{name}"
    if choice == "required" and not known:
        raise InvalidRequestError("tool_choice is required, and there are no tools", param="tool_choice")
    return choice


def _response_schema(body: ChatCompletionBody) -> dict[str, Any] | None:
    wanted = body.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {}
    if wanted.json_schema is None:
        place = "response_format.json_schema"
        raise InvalidRequestError("response_format json_schema needs json_schema.schema", param=place)
    return wanted.json_schema.schema_


def _sampling(body: ChatCompletionBody) -> SamplingOverrides:
    given = {name: getattr(body, name) for name in _SAMPLING if getattr(body, name) is not None}
    if body.top_k is not None:
        given["top_k"] = max(body.top_k, 0)  # -1 is vLLM's spelling of "all"
    if body.repeat_penalty is not None:  # llama-server's name for it
        if body.repetition_penalty not in (None, body.repeat_penalty):
            raise InvalidRequestError("repeat_penalty and repetition_penalty differ", param="repeat_penalty")
        given["repetition_penalty"] = body.repeat_penalty
    if body.repeat_last_n is not None:
        given["penalty_window"] = body.repeat_last_n
    if body.logit_bias is not None:
        given["logit_bias"] = tuple((_token_id(key), bias) for key, bias in body.logit_bias.items())
    return SamplingOverrides(**given)


def _logprobs(body: ChatCompletionBody) -> int | None:
    if body.logprobs:
        return body.top_logprobs or 0
    if body.top_logprobs:
        raise InvalidRequestError("top_logprobs needs logprobs: true", param="top_logprobs")
    return None


def _adapters(body: ChatCompletionBody) -> tuple[AdapterUse, ...]:
    uses = tuple(AdapterUse(use.name, use.scale) for use in body.lora or [])
    if len({use.name for use in uses}) < len(uses):
        raise InvalidRequestError("lora names an adapter twice", param="lora")
    return tuple(use for use in uses if use.scale != 0)


def given_constraint(body: ChatCompletionBody) -> Constraint | None:
    """The language that a grammar, a regular expression or a list of answers asks for; at most one of them."""
    given = {
        "grammar": body.grammar and ("gbnf", body.grammar),
        "guided_grammar": body.guided_grammar and ("gbnf", body.guided_grammar),
        "guided_regex": body.guided_regex and ("regex", body.guided_regex),
        "guided_choice": body.guided_choice and ("choice", json.dumps(body.guided_choice)),
    }
    found = [(param, *demand) for param, demand in given.items() if demand]
    if _response_schema(body) is not None:
        found.append(("response_format", "json_schema", ""))
    if len(found) > 1:
        first, second = found[0][0], found[1][0]
        raise InvalidRequestError(f"{first} and {second} cannot both be honoured", param=first)
    if not found or found[0][0] == "response_format":
        return None
    ((param, kind, text),) = found
    return Constraint(kind, text, param)


def _token_id(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) <= 9):
        raise InvalidRequestError(f"{key[:20]!r} is not a token id", param="logit_bias")
    return int(key)


def _max_tokens(body: ChatCompletionBody) -> int | None:
    old, new = body.max_tokens, body.max_completion_tokens
    if old is not None and new is not None and old != new:
        raise InvalidRequestError(
            "max_tokens and max_completion_tokens differ", param="max_tokens", hint="send only one of them"
        )
    return new if new is not None else old


def _stop(body: ChatCompletionBody) -> tuple[str, ...]:
    stops = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    for stop in stops:
        if len(stop.encode()) > MAX_STOP_BYTES:
            raise InvalidRequestError(f"a stop text is longer than {MAX_STOP_BYTES} bytes", param="stop")
    return stops


def _refuse_foreign_parts(messages: object) -> None:
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("function_call") is not None:
            place = f"messages[{index}].function_call"
            raise InvalidRequestError("function_call is not supported", param=place, hint="use tool_calls")
    for place, part in _content_parts(messages):
        kind = part.get("type")
        if kind not in ("text", "refusal"):
            raise InvalidRequestError(
                f"content of type {str(kind)[:40]!r} is not supported yet: models here read text",
                param=place,
                code="unsupported_content",
            )


def _content_parts(messages: object) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"messages[{i}].content[{j}]", part)
        for i, message in enumerate(messages if isinstance(messages, list) else [])
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for j, part in enumerate(message["content"])
        if isinstance(part, dict)
    ]


def _ignored_in_messages(messages: object) -> tuple[str, ...]:
    names = {
        f"messages[].{name}"
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, dict)
        for name in ignored_fields(message, _HONOURED_IN_MESSAGE)
    }
    return tuple(sorted(names))
