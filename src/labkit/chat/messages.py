"""A conversation as a template can take it: what its author expected, and mending of what it does not know."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labkit.chat.calls import Call
from labkit.chat.format import ChatFormat, Message

_ID_LENGTH = 9
TOOL_WORDS = (
    "You may call functions. Each is described by one line of JSON:\n{tools}\n"
    "To call one, answer with\n{example}\nand nothing else; its result is sent back to you."
)


@dataclass(frozen=True, slots=True)
class Habits:
    """What a template does with a conversation, found by trying.

    Attributes:
        takes_system: a system message is allowed; else it goes before the first user's words.
        takes_developer: the role "developer" is understood.
        wants_parts: content has to be a list of parts.
        shows_tools: tool definitions are written into the prompt.
        wants_list: "no tools" has to be an empty list.
        shows_calls: calls of an assistant's message are written into the prompt.
        shows_results: messages of the role "tool" are.
        shows_every_call: also when there are several in one message.
        wants_text: arguments have to be JSON text; else they are objects.
        wants_short_ids: ids of calls have to be nine letters and digits.
    """

    takes_system: bool = True
    takes_developer: bool = False
    wants_parts: bool = False
    shows_tools: bool = True
    wants_list: bool = False
    shows_calls: bool = True
    shows_results: bool = True
    shows_every_call: bool = True
    wants_text: bool = False
    wants_short_ids: bool = False


class Preparation:
    """Makes conversations ready for one template."""

    def __init__(self, format_: ChatFormat, habits: Habits) -> None:
        self._format = format_
        self._habits = habits

    def tools(self, tools: Sequence[dict[str, Any]], *, fill: bool = False) -> list[dict[str, Any]] | None:
        """Tool definitions as models were trained on them; with `fill` nothing that a template may read is missing."""
        if not tools or not self._habits.shows_tools:
            return [] if self._habits.wants_list else None
        return [_described(tool, fill=fill) for tool in tools]

    def messages(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> list[Message]:
        """Messages for the template."""
        habits = self._habits
        found = [self._one(message) for message in messages]
        if tools and not habits.shows_tools:
            found = _with_system(found, self._tool_words(tools))
        if not habits.shows_every_call:
            found = _one_call_each(found)
        if not habits.takes_system:
            found = _without_system(found)
        if not habits.shows_results:
            found = _joined_users(found)
        return [_in_parts(message) for message in found] if habits.wants_parts else found

    def _one(self, message: Message) -> Message:
        habits = self._habits
        plain: Message = {**message, "content": message.get("content") or ""}
        if plain["role"] == "developer" and not habits.takes_developer:
            plain["role"] = "system"
        if plain["role"] == "tool" and not habits.shows_results:
            plain = {"role": "user", "content": f"<tool_response>\n{plain['content']}\n</tool_response>"}
        if plain.get("tool_calls") and habits.shows_calls:
            plain["tool_calls"] = [self._call(call) for call in plain["tool_calls"]]
        elif plain.get("tool_calls"):
            plain = self._with_written_calls(plain)
        if habits.wants_short_ids and plain.get("tool_call_id"):
            plain["tool_call_id"] = _short_id(plain["tool_call_id"])
        return _with_reasoning_names(self._format.prepare(plain))

    def _call(self, call: dict[str, Any]) -> dict[str, Any]:
        function = call.get("function", {})
        arguments = function.get("arguments")
        if isinstance(arguments, str) and not self._habits.wants_text:
            arguments = _object(arguments)
        elif not isinstance(arguments, str) and self._habits.wants_text:
            arguments = json.dumps(arguments or {}, ensure_ascii=False)
        prepared = {**call, "function": {**function, "arguments": arguments}}
        if self._habits.wants_short_ids:
            prepared["id"] = _short_id(str(call.get("id", "")))
        return prepared

    def _with_written_calls(self, message: Message) -> Message:
        """The template would leave the calls out: they become text, in the family's own words."""
        calls = [_as_call(call) for call in message["tool_calls"]]
        rest = {key: value for key, value in message.items() if key != "tool_calls"}
        written = self._format.calls.write(calls) if self._format.calls is not None else ""
        return {**rest, "content": "\n".join(filter(None, (message["content"], written)))}

    def _tool_words(self, tools: Sequence[dict[str, Any]]) -> str:
        lines = "\n".join(json.dumps(_described(tool)["function"], ensure_ascii=False) for tool in tools)
        call = Call(tools[0]["function"]["name"], {"argument": "value"})
        example = self._format.calls.write([call]) if self._format.calls is not None else ""
        return TOOL_WORDS.format(tools=lines, example=example)


def _described(tool: dict[str, Any], *, fill: bool = False) -> dict[str, Any]:
    """A definition without `strict`, which is between client and server."""
    function = {key: value for key, value in tool["function"].items() if key != "strict"}
    filled = {"description": "", "parameters": {"type": "object", "properties": {}}} if fill else {}
    return {**tool, "function": {**filled, **function}}


def _with_reasoning_names(message: Message) -> Message:
    """Templates look for reasoning under three names."""
    reasoning = message.get("reasoning_content")
    if not reasoning or message["role"] != "assistant":
        return message
    return {"thinking": reasoning, "reasoning": reasoning, **message}


def _with_system(messages: list[Message], words: str) -> list[Message]:
    if messages and messages[0]["role"] in ("system", "developer"):
        first = messages[0]
        return [{**first, "content": f"{first['content']}\n\n{words}"}, *messages[1:]]
    return [{"role": "system", "content": words}, *messages]


def _without_system(messages: list[Message]) -> list[Message]:
    words = [str(message["content"]) for message in messages if message["role"] == "system"]
    rest = [message for message in messages if message["role"] != "system"]
    for index, message in enumerate(rest):
        if words and message["role"] == "user":
            rest[index] = {**message, "content": "\n\n".join((*words, str(message["content"])))}
            return rest
    return [{"role": "user", "content": "\n\n".join(words)}, *rest] if words else rest


def _one_call_each(messages: list[Message]) -> list[Message]:
    """Calls that were made at once as if they had been made one after another, each with its result."""
    found: list[Message] = []
    index = 0
    while index < len(messages):
        message = messages[index]
        index += 1
        calls = message.get("tool_calls") or []
        if len(calls) < 2:
            found.append(message)
            continue
        results: list[Message] = []
        while index < len(messages) and messages[index]["role"] == "tool":
            results.append(messages[index])
            index += 1
        found += _in_turns(message, calls, results)
    return found


def _in_turns(message: Message, calls: list[dict[str, Any]], results: list[Message]) -> list[Message]:
    turns: list[Message] = []
    for number, call in enumerate(calls):
        words = message if number == 0 else {"role": "assistant", "content": ""}
        turns.append({**words, "tool_calls": [call]})
        mine = [one for at, one in enumerate(results) if one.get("tool_call_id", at) in (call.get("id"), number)]
        turns += mine
        results = [one for one in results if not any(one is other for other in mine)]
    return turns + results


def _joined_users(messages: list[Message]) -> list[Message]:
    """Users' messages in a row as one: templates without tools want roles to alternate."""
    found: list[Message] = []
    for message in messages:
        if found and message["role"] == found[-1]["role"] == "user":
            found[-1] = {**message, "content": f"{found[-1]['content']}\n{message['content']}"}
        else:
            found.append(message)
    return found


def _in_parts(message: Message) -> Message:
    if not isinstance(message.get("content"), str):
        return message
    return {**message, "content": [{"type": "text", "text": message["content"]}]}


def _as_call(call: dict[str, Any]) -> Call:
    function = call.get("function", {})
    arguments = function.get("arguments")
    found = _object(arguments) if isinstance(arguments, str) else arguments
    return Call(str(function.get("name", "")), found if isinstance(found, dict) else {}, str(call.get("id", "")))


def _object(text: str) -> Any:
    """Arguments as an object; text that is none stays as it is."""
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text


def _short_id(text: str) -> str:
    if len(text) == _ID_LENGTH and text.isalnum():
        return text
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH]
