"""From the body of a response, or of a count of its tokens, to what a worker is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from labkit.api.asking import Call
from labkit.api.constraint_request import Language, language_of
from labkit.api.conversation_request import chosen_tools, refuse_doubled
from labkit.api.generation_request import shared_fields, validated, wants_usage
from labkit.api.responses.echo import echo_of
from labkit.api.responses.items import Item, as_items, identified, refuse_foreign_items, write_items
from labkit.api.responses.toolbox import Names, refuse_foreign_choice, toolbox
from labkit.api.schemas.chat import AllowedToolChoice, AllowedTools, NamedFunction, NamedTool, ToolChoice
from labkit.api.schemas.fields import ignored_in, refuse_ignored, refuse_unsupported
from labkit.api.schemas.responses import (
    AllowedFlatTools,
    ConversationBody,
    FlatToolChoice,
    NamedFlatTool,
    ResponsesBody,
)
from labkit.api.transcript import Transcript
from labkit.errors import InvalidRequestError
from labkit.worker.messages import Generate, Render

REFUSED: Mapping[str, tuple[Any, ...]] = {
    "background": (False,),
    "background_options": (),
    "conversation": (),
    "prompt": (),
    "context_management": ([],),
    "moderation": (),
    "image": (),
    "access_programs": (),
    "n": (1,),
    # fields of chat completions, sent to the wrong route
    "messages": (),
    "max_tokens": (),
    "max_completion_tokens": (),
    "response_format": (),
    "reasoning_effort": (),
    "functions": (),
    "logprobs": (False,),
}
_INSTEAD = {
    "background": "send stream: true, or run it in a thread of your own",
    "conversation": "use previous_response_id, or send the whole conversation as input",
    "prompt": "send instructions and input",
    "messages": "use input",
    "max_tokens": "use max_output_tokens",
    "max_completion_tokens": "use max_output_tokens",
    "response_format": "use text.format",
    "reasoning_effort": "use reasoning.effort",
    "functions": "use tools",
    "logprobs": "use include: ['message.output_text.logprobs']",
}
_REFUSED_IN_TEXT: Mapping[str, tuple[Any, ...]] = {"verbosity": ("medium",)}
_REFUSED_IN_REASONING: Mapping[str, tuple[Any, ...]] = {"context": ("auto",), "mode": ("standard",)}
_LOGPROBS = "message.output_text.logprobs"
# What else may be included belongs to tools that are not here, or is given in plain anyway.
_INCLUDED_WITHOUT_EFFECT = frozenset({
    "reasoning.encrypted_content", "file_search_call.results", "web_search_call.results",
    "web_search_call.action.sources", "message.input_image.image_url", "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
})  # fmt: skip
_SAID_ELSEWHERE = frozenset({"model", "input", "instructions", "metadata"})
_GIVEN = (frozenset(ResponsesBody.model_fields) | frozenset(REFUSED)) - _SAID_ELSEWHERE


class History(Protocol):
    """What the caller may refer to."""

    def conversation(self, response_id: str) -> list[Item]:
        """All items up to and with those of a response. Raises InvalidRequestError."""
        ...

    def item(self, item_id: str) -> Item | None:
        """An item of an earlier response."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseCall(Call):
    """One response to make.

    Attributes:
        echo: the part of the response object that repeats the request.
        input_items: items that came with the request, as they are stored.
        keep: whether the response may be asked for again.
        as_summary: reasoning is given as a summary.
        truncates: what does not fit into the context is left out.
        names: of functions that came in namespaces.
    """

    operation: Generate
    echo: dict[str, Any]
    input_items: list[Item]
    previous_id: str | None
    keep: bool
    as_summary: bool
    truncates: bool
    names: Names


def parse_response_call(
    body: dict[str, Any], request_id: str, history: History, *, strict: bool = False
) -> ResponseCall:
    """The call in a JSON object. Raises InvalidRequestError with `param` for the first field that is wrong."""
    _refuse(body)
    tools = toolbox(body)
    body = tools.body
    included = _ignored_includes(body.get("include"))
    ignored = tuple(sorted((*ignored_in(body, ResponsesBody, REFUSED), *included, *tools.left_out)))
    if strict:
        refuse_ignored(ignored)
    parsed = validated(ResponsesBody, body)
    wants_usage(parsed)  # options of a stream without a stream
    new = _resolved(parsed, history)
    return ResponseCall(
        model=parsed.model,
        operation=_generate(parsed, request_id, _messages(parsed, new, history)),
        stream=bool(parsed.stream),
        ignored=ignored,
        given={name: value for name, value in body.items() if name in _GIVEN},
        echo=echo_of(parsed, body),
        input_items=new,
        previous_id=parsed.previous_response_id,
        keep=parsed.store is not False,
        as_summary=_wants_summary(parsed),
        truncates=parsed.truncation == "auto",
        names=tools.names,
    )


def render_of(operation: Generate, messages: tuple[dict[str, Any], ...]) -> Render:
    """The question how many tokens `messages` would be in place of the operation's own."""
    return Render(
        operation.request_id,
        messages=messages,
        tools=() if operation.tool_choice == "none" else operation.tools,
        reasoning_effort=operation.reasoning_effort,
    )


def parse_count(
    body: dict[str, Any], request_id: str, history: History, *, strict: bool = False
) -> tuple[str, Render, tuple[str, ...]]:
    """The model, the question, and names of fields without effect, of POST /v1/responses/input_tokens."""
    _refuse(body)
    tools = toolbox(body)
    body = tools.body
    ignored = tuple(sorted((*ignored_in(body, ConversationBody, REFUSED), *tools.left_out)))
    if strict:
        refuse_ignored(ignored)
    parsed = validated(ConversationBody, body)
    choice, functions = _tools(parsed)
    render = Render(
        request_id,
        messages=_messages(parsed, _resolved(parsed, history), history),
        tools=() if choice == "none" else functions,
        reasoning_effort=parsed.reasoning.effort if parsed.reasoning else None,
    )
    return parsed.model, render, ignored


def _refuse(body: dict[str, Any]) -> None:
    refuse_unsupported(body, REFUSED, _INSTEAD)
    for name, refused in (("text", _REFUSED_IN_TEXT), ("reasoning", _REFUSED_IN_REASONING)):
        if isinstance(options := body.get(name), dict):
            refuse_unsupported(options, refused, {}, f"{name}.")
    refuse_foreign_choice(body.get("tool_choice"))
    refuse_foreign_items(body.get("input"))


def _ignored_includes(included: object) -> list[str]:
    names = [name for name in included if isinstance(name, str)] if isinstance(included, list) else []
    for name in names:
        if name != _LOGPROBS and name not in _INCLUDED_WITHOUT_EFFECT:
            raise InvalidRequestError(f"include: there is no {name[:80]!r}", param="include")
    return [f"include[{name}]" for name in dict.fromkeys(names) if name != _LOGPROBS]


def _resolved(body: ConversationBody, history: History) -> list[Item]:
    """The items of the request, references replaced by what they refer to."""
    items: list[Item] = []
    for index, item in enumerate(as_items(body.input)):
        found = item if item["type"] != "item_reference" else history.item(item["id"])
        if found is None:
            raise InvalidRequestError(
                f"there is no stored item {item['id'][:80]!r}",
                param=f"input[{index}].id",
                hint="send the item itself; items of responses with store: false are not kept",
            )
        items.append(found)
    return identified(items)


def _messages(body: ConversationBody, new: list[Item], history: History) -> tuple[dict[str, Any], ...]:
    transcript = Transcript()
    if body.instructions:
        transcript.say("system", body.instructions)
    if body.previous_response_id is not None:
        write_items(transcript, history.conversation(body.previous_response_id))
    write_items(transcript, new)
    return transcript.messages


def _generate(body: ResponsesBody, request_id: str, messages: tuple[dict[str, Any], ...]) -> Generate:
    choice, tools = _tools(body)
    language = _language(body)
    schema = language.schema if language else None
    return Generate(
        request_id=request_id,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=body.parallel_tool_calls is not False,
        response_schema=schema,
        reasoning_effort=body.reasoning.effort if body.reasoning else None,
        logprobs=_logprobs(body),
        **shared_fields(body, body.max_output_tokens, language if schema is None else None),
    )


def _tools(body: ConversationBody) -> tuple[str, tuple[dict[str, Any], ...]]:
    tools: dict[str, dict[str, Any]] = {}
    refuse_doubled([tool.name for tool in body.tools or []], "tools[{}].name")
    for tool in body.tools or []:
        function = tool.model_dump(exclude_none=True, exclude={"type"})
        tools[tool.name] = {"type": "function", "function": function}
    if isinstance(body.tool_choice, AllowedFlatTools):
        for index, tool in enumerate(body.tool_choice.tools):
            if tool.name not in tools:
                place = f"tool_choice.tools[{index}].name"
                raise InvalidRequestError(f"tool_choice names {tool.name!r}, which is not among tools", param=place)
    return chosen_tools(_choice(body.tool_choice), tuple(tools.values()))


def _choice(choice: FlatToolChoice | None) -> ToolChoice | None:
    """The choice in the words of chat completions."""
    if isinstance(choice, NamedFlatTool):
        return _named(choice)
    if isinstance(choice, AllowedFlatTools):
        allowed = AllowedTools(mode=choice.mode, tools=[_named(tool) for tool in choice.tools])
        return AllowedToolChoice(type="allowed_tools", allowed_tools=allowed)
    return choice


def _named(tool: NamedFlatTool) -> NamedTool:
    return NamedTool(type="function", function=NamedFunction(name=tool.name))


def _language(body: ResponsesBody) -> Language | None:
    form = body.text.format if body.text else None
    other = language_of(body)
    if form is None or form.type == "text":
        return other
    if other is not None:
        raise InvalidRequestError(f"text.format and {other.param} cannot both be honoured", param="text.format")
    if form.type == "json_object":
        return Language("text.format", {})
    if form.schema_ is None:
        raise InvalidRequestError("text.format json_schema needs a schema", param="text.format.schema")
    return Language("text.format", form.schema_)


def _logprobs(body: ResponsesBody) -> int | None:
    if _LOGPROBS in (body.include or ()):
        return body.top_logprobs or 0
    return body.top_logprobs or None


def _wants_summary(body: ResponsesBody) -> bool:
    return bool(body.reasoning and (body.reasoning.summary or body.reasoning.generate_summary))
