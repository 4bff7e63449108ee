"""From the body of a message, or of a count of its tokens, to what a worker is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.api.anthropic.history import chat_messages, continues, refuse_foreign_blocks
from labkit.api.asking import Call
from labkit.api.conversation_request import chosen_tools, refuse_doubled
from labkit.api.generation_request import stop_texts, validated
from labkit.api.schemas.chat import NamedFunction, NamedTool
from labkit.api.schemas.chat import ToolChoice as ChatToolChoice
from labkit.api.schemas.fields import ignored_in, refuse_ignored, refuse_unsupported
from labkit.api.schemas.messages import CountBody, MessagesBody, ToolChoice
from labkit.engine.types import SamplingOverrides
from labkit.errors import InvalidRequestError
from labkit.worker.messages import Generate, Render

REFUSED: Mapping[str, tuple[Any, ...]] = {
    "container": (),
    "mcp_servers": ([],),
    "inference_geo": (),
    "speed": ("standard",),
    "diagnostics": (),
}
_INSTEAD = {
    "mcp_servers": "connect to them yourself, and send their tools as tools",
    "inference_geo": "every answer is made on the machine that this endpoint runs on",
}
# A budget of thinking is given to models as the effort it is about: below each of these.
_EFFORTS = ((4096, "low"), (16384, "medium"))
# What templates call it. One that reads neither is of a model that does not think, or always does.
_ALLOWED: dict[str, Any] = {"enable_thinking": True, "thinking": True}
# Efforts that few templates have a word for, and the most that they have one for.
_MOST = {"xhigh": "high", "max": "high"}
_GIVEN = (frozenset(MessagesBody.model_fields) | frozenset(REFUSED)) - {"model", "messages", "system"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCall(Call):
    """One message to make.

    Attributes:
        stop_sequences: the client's own; what else ends an answer has another name.
        shows_thinking: thinking is part of the answer; without, only that there was some.
    """

    operation: Generate
    stop_sequences: tuple[str, ...]
    shows_thinking: bool


def parse_message_call(body: dict[str, Any], request_id: str, *, strict: bool = False) -> MessageCall:
    """The call in a JSON object. Raises InvalidRequestError with `param` for the first field that is wrong."""
    ignored = _checked(body, MessagesBody, strict)
    parsed = validated(MessagesBody, body)
    stops = stop_texts(parsed.stop_sequences, "stop_sequences")
    return MessageCall(
        model=parsed.model,
        operation=_generate(parsed, request_id, stops, strict),
        stream=bool(parsed.stream),
        ignored=ignored,
        given={name: value for name, value in body.items() if name in _GIVEN},
        stop_sequences=stops,
        shows_thinking=not (parsed.thinking and parsed.thinking.display == "omitted"),
    )


def parse_count(body: dict[str, Any], request_id: str, *, strict: bool = False) -> tuple[str, Render, tuple[str, ...]]:
    """The model, the question, and names of fields without effect, of a count of tokens."""
    ignored = _checked(body, CountBody, strict)
    parsed = validated(CountBody, body)
    choice, tools = _tools(parsed)
    render = Render(
        request_id,
        messages=chat_messages(parsed),
        tools=() if choice == "none" else tools,
        continue_final=continues(parsed),
        add_generation_prompt=not continues(parsed),
        **_reasoning(parsed, strict),
    )
    return parsed.model, render, ignored


def _checked(body: dict[str, Any], schema: type[CountBody], strict: bool) -> tuple[str, ...]:
    """Names of fields without effect, when nothing is to be refused by name."""
    refuse_unsupported(body, REFUSED, _INSTEAD)
    tools = body.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else []):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind not in (None, "custom"):
            raise InvalidRequestError(
                f"tools of type {str(kind)[:40]!r} are not supported: labkit has no tools of its own",
                param=f"tools[{index}].type",
                code="unsupported_parameter",
                hint="define the tool with name and input_schema, and run it yourself",
            )
    refuse_foreign_blocks(body.get("messages"))
    ignored = ignored_in(body, schema, REFUSED)
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("budget_tokens") is not None:
        ignored = tuple(sorted((*ignored, "thinking.budget_tokens")))  # it chooses an effort, and is not counted
    if strict:
        refuse_ignored(ignored)
    return ignored


def _generate(body: MessagesBody, request_id: str, stops: tuple[str, ...], strict: bool) -> Generate:
    choice, tools = _tools(body)
    _check_budget(body)
    return Generate(
        request_id=request_id,
        messages=chat_messages(body),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=not (body.tool_choice and body.tool_choice.disable_parallel_tool_use),
        response_schema=_schema(body),
        continue_final=continues(body),
        **_reasoning(body, strict),
        sampling=_sampling(body),
        max_tokens=body.max_tokens,
        stop=stops,
    )


def _tools(body: CountBody) -> tuple[str, tuple[dict[str, Any], ...]]:
    tools: list[dict[str, Any]] = []
    refuse_doubled([tool.name for tool in body.tools or []], "tools[{}].name")
    for tool in body.tools or []:
        given = {"description": tool.description, "parameters": tool.input_schema, "strict": tool.strict}
        function = {"name": tool.name, **{name: value for name, value in given.items() if value is not None}}
        tools.append({"type": "function", "function": function})
    return chosen_tools(_choice(body.tool_choice), tuple(tools))


def _choice(choice: ToolChoice | None) -> ChatToolChoice | None:
    """The choice in the words of chat completions."""
    if choice is None:
        return None
    if choice.type == "tool":
        if not choice.name:
            raise InvalidRequestError("tool_choice of type tool needs a name", param="tool_choice.name")
        return NamedTool(type="function", function=NamedFunction(name=choice.name))
    return "required" if choice.type == "any" else choice.type


def _sampling(body: MessagesBody) -> SamplingOverrides:
    top_k = None if body.top_k is None else max(body.top_k, 0)
    return SamplingOverrides(temperature=body.temperature, top_p=body.top_p, top_k=top_k)


def _schema(body: CountBody) -> dict[str, Any] | None:
    wanted = (body.output_config.format if body.output_config else None) or body.output_format
    return wanted.schema_ if wanted else None


def _reasoning(body: CountBody, strict: bool) -> dict[str, Any]:
    """What is said about thinking; nothing leaves it to the model's own template.

    To turn it off is an order: a model that always thinks refuses. To allow it, or to name an effort, is not, since
    agents do both in every request: templates that have a word for it are told, and the others need none. With
    `strict` an effort is an order too.
    """
    thinking = body.thinking
    if thinking is not None and thinking.type == "disabled":
        return {"reasoning_effort": "none"}
    effort = body.output_config.effort if body.output_config else None
    if effort is not None and strict:
        return {"reasoning_effort": effort, "template_arguments": _ALLOWED if thinking else {}}
    if effort is None and thinking is not None and thinking.budget_tokens is not None:
        effort = _effort_for(thinking.budget_tokens)
    named = {"reasoning_effort": _MOST.get(effort, effort)} if effort else {}
    return {"template_arguments": (_ALLOWED if thinking else {}) | named}


def _effort_for(budget_tokens: int) -> str:
    return next((effort for below, effort in _EFFORTS if budget_tokens < below), "high")


def _check_budget(body: MessagesBody) -> None:
    budget = body.thinking.budget_tokens if body.thinking else None
    if body.thinking and body.thinking.type == "enabled" and budget is None:
        place = "thinking.budget_tokens"
        raise InvalidRequestError(f"{place} is missing", param=place, code="missing_required_parameter")
    if budget is not None and budget >= body.max_tokens:
        raise InvalidRequestError(
            f"thinking.budget_tokens {budget} must be below max_tokens {body.max_tokens}",
            param="thinking.budget_tokens",
        )
