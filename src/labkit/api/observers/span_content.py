"""Messages in the form that the GenAI conventions give to what is said, for those who ask that spans hold it."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from labkit.api.observation import Observation
from labkit.worker.merging import joined_tool_calls
from labkit.worker.messages import Complete, Delta, Generate

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_INTO_SPANS = frozenset({"true", "1", "span_only", "span_and_event"})  # there are no events here
_FINISH = {"tool_calls": "tool_call"}


def wants_content(environment: Mapping[str, str]) -> bool:
    """Whether the environment asks for prompts and answers in spans."""
    return environment.get(CAPTURE, "").strip().lower() in _INTO_SPANS


def content_attributes(observation: Observation) -> dict[str, str]:
    """The conversation and its answers, as JSON text."""
    found: dict[str, Any] = {}
    match observation.operation:
        case Generate(messages=messages, tools=tools):
            found["gen_ai.input.messages"] = [_message(message) for message in messages]
            if tools:
                found["gen_ai.tool.definitions"] = [{"type": "function", **tool["function"]} for tool in tools]
        case Complete(prompt=str() as prompt):
            found["gen_ai.input.messages"] = [{"role": "user", "parts": [_text(prompt)]}]
    if observation.kept:
        found["gen_ai.output.messages"] = _answers(observation.kept)
    return {name: json.dumps(value, ensure_ascii=False, default=str) for name, value in found.items()}


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    role, content = message.get("role", "user"), message.get("content")
    if role == "tool":
        answer = {"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content}
        return {"role": role, "parts": [answer]}
    parts = [_text(content)] if isinstance(content, str) and content else []
    for call in message.get("tool_calls") or ():
        function = call.get("function", {})
        parts.append(_call(call.get("id"), function.get("name"), function.get("arguments")))
    return {"role": role, "parts": parts}


def _answers(deltas: Sequence[Delta]) -> list[dict[str, Any]]:
    """One message for each choice."""
    choices: dict[int, list[Delta]] = {}
    for delta in deltas:
        choices.setdefault(delta.choice, []).append(delta)
    return [_answer(of_choice) for _, of_choice in sorted(choices.items())]


def _answer(deltas: Sequence[Delta]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if reasoning := "".join(delta.reasoning for delta in deltas):
        parts.append({"type": "reasoning", "content": reasoning})
    if content := "".join(delta.content for delta in deltas):
        parts.append(_text(content))
    calls = joined_tool_calls(call for delta in deltas for call in delta.tool_calls)
    parts += [_call(call.id, call.name, call.arguments) for call in calls]
    reason = deltas[-1].finish_reason or "error"
    return {"role": "assistant", "parts": parts, "finish_reason": _FINISH.get(reason, reason)}


def _text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def _call(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    with contextlib.suppress(TypeError, ValueError):  # where it is not whole, or no JSON, it stays text
        arguments = json.loads(arguments)
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
