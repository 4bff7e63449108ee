"""The conversation in a request body: its messages, tools and what is said to the template."""

from collections.abc import Sequence
from typing import Any

from labkit.api.schemas.chat import (
    AllowedToolChoice,
    ConversationFields,
    Message,
    NamedTool,
    TemplateFields,
    Tool,
    ToolChoice,
)
from labkit.api.transcript import foreign_content
from labkit.errors import InvalidRequestError

Plain = dict[str, Any]
_GIVEN_TO_TEMPLATES = frozenset({"messages", "tools", "add_generation_prompt", "bos_token", "eos_token"})


def conversation_fields(body: ConversationFields) -> dict[str, Any]:
    """Fields of a Generate or a Render that say how a conversation is written down. Raises InvalidRequestError."""
    return {
        "messages": tuple(_message(message, f"messages[{index}]") for index, message in enumerate(body.messages)),
        "tools": _tools(body.tools or []),
        "reasoning_effort": body.reasoning_effort,
        "template_arguments": _template_arguments(body),
        "continue_final": _continues(body),
    }


def chosen_tools(choice: ToolChoice | None, tools: tuple[Plain, ...]) -> tuple[str, tuple[Plain, ...]]:
    """The tool choice as a worker takes it, and the tools it leaves. Raises InvalidRequestError."""
    known = [tool["function"]["name"] for tool in tools]
    if isinstance(choice, NamedTool):
        _check_known(choice.function.name, known, "tool_choice")
        return f"name:{choice.function.name}", tools
    if isinstance(choice, AllowedToolChoice):
        allowed = [tool.function.name for tool in choice.allowed_tools.tools]
        for name in allowed:
            _check_known(name, known, "tool_choice.allowed_tools.tools")
        return choice.allowed_tools.mode, tuple(tool for tool in tools if tool["function"]["name"] in allowed)
    if choice == "required" and not known:
        raise InvalidRequestError("tool_choice is required, and there are no tools", param="tool_choice")
    return choice or "auto", tools


def refuse_doubled(names: Sequence[str], place: str) -> None:
    """Raise InvalidRequestError for the first tool with the name of another; `place` has {} for its index."""
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidRequestError(f"two tools are named {name}", param=place.format(index))


def refuse_foreign_parts(messages: object) -> None:
    """Raise InvalidRequestError for content that is not text, by its kind, and for calls in the oldest form."""
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("function_call") is not None:
            place = f"messages[{index}].function_call"
            raise InvalidRequestError("function_call is not supported", param=place, hint="use tool_calls")
    for place, part in _content_parts(messages):
        kind = part.get("type")
        if kind not in ("text", "refusal"):
            raise foreign_content(kind, place)


def _message(message: Message, place: str) -> Plain:
    plain = message.model_dump(exclude_none=True)
    reasoning = plain.pop("reasoning", None)
    if reasoning is not None:
        plain.setdefault("reasoning_content", reasoning)
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


def _tools(tools: list[Tool]) -> tuple[Plain, ...]:
    refuse_doubled([tool.function.name for tool in tools], "tools[{}].function.name")
    return tuple(tool.model_dump(exclude_none=True) for tool in tools)


def _template_arguments(body: TemplateFields) -> dict[str, Any]:
    arguments = body.chat_template_kwargs or {}
    if taken := _GIVEN_TO_TEMPLATES & set(arguments):
        name = min(taken)
        raise InvalidRequestError(f"chat_template_kwargs cannot set {name}", param=f"chat_template_kwargs.{name}")
    return arguments


def _continues(body: ConversationFields) -> bool:
    """Whether the last message is to be continued; vLLM asks for that with two fields that must agree."""
    if not body.continue_final_message:
        return False
    place = "continue_final_message"
    if body.add_generation_prompt:
        raise InvalidRequestError("add_generation_prompt would begin a message, this continues one", param=place)
    last = body.messages[-1]
    if last.role != "assistant" or last.tool_calls or not last.content:
        raise InvalidRequestError("only an assistant's message with text can be continued", param=place)
    return True


def _check_known(name: str, known: list[str], place: str) -> None:
    if name not in known:
        raise InvalidRequestError(f"tool_choice names {name!r}, which is not among tools", param=place)


def _content_parts(messages: object) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"messages[{i}].content[{j}]", part)
        for i, message in enumerate(messages if isinstance(messages, list) else [])
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for j, part in enumerate(message["content"])
        if isinstance(part, dict)
    ]
