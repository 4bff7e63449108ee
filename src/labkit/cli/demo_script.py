"""What `labkit demo` asks the embedded model, and the tool it lets the model use. Data and pure functions."""

import json
from dataclasses import dataclass
from typing import Any

QUESTION = "What is labkit?"
EXTRACTION = "Extract name, age and city as JSON: Marta is 31 years old and lives in Lisbon."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "city": {"type": "string", "maxLength": 40},
    },
    "required": ["name", "age", "city"],
    "additionalProperties": False,
}
TOOL_QUESTION = "How fast is nano with 1 threads?"
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "bench_model",
        "description": "Measure the speed of a model",
        "parameters": {
            "type": "object",
            "properties": {"model": {"type": "string"}, "threads": {"type": "integer"}},
            "required": ["model", "threads"],
            "additionalProperties": False,
        },
    },
}
MOST_THREADS = 64


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as the model made it, with its arguments read."""

    raw: dict[str, Any]
    name: str
    arguments: dict[str, Any]

    @property
    def threads(self) -> int:
        """The threads that were asked for, within reason."""
        asked = self.arguments.get("threads")
        return min(max(asked, 1), MOST_THREADS) if isinstance(asked, int) else 1


def read_call(raw: dict[str, Any]) -> ToolCall:
    """An OpenAI tool call; arguments that are not a JSON object become empty ones."""
    function = raw["function"]
    try:
        arguments = json.loads(function["arguments"])
    except ValueError:
        arguments = {}
    return ToolCall(raw, function["name"], arguments if isinstance(arguments, dict) else {})


def follow_up(call: ToolCall, result: dict[str, Any]) -> list[dict[str, Any]]:
    """The conversation with the tool's result, ready for the model to put into words."""
    return [
        {"role": "user", "content": TOOL_QUESTION},
        {"role": "assistant", "content": None, "tool_calls": [call.raw]},
        {"role": "tool", "tool_call_id": call.raw["id"], "content": json.dumps(result)},
    ]
