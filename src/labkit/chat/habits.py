"""Finding out what a template does with a conversation: a few small ones are rendered, and looked at."""

from collections.abc import Callable
from typing import Any

from labkit.chat.format import Message
from labkit.chat.messages import Habits

Render = Callable[[list[Message], list[dict[str, Any]] | None], str]
"""Renders; raises whatever the template raises."""

_WORDS = ("Wiesel", "Amsel", "Dachs", "Igel")
_FIRST, _SECOND = "call00001", "call00002"
_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "find_badger",
        "description": "Finds one.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string", "description": "Where."}}},
    },
}


def find_habits(render: Render) -> Habits:
    """What the template that `render` applies does. Raises nothing: what fails every way is taken to be usual."""
    user = {"role": "user", "content": _WORDS[0]}
    parts = {"role": "user", "content": [{"type": "text", "text": _WORDS[0]}]}
    wants_parts = _WORDS[0] not in _text(render, [user]) and _WORDS[0] in _text(render, [parts])
    ask = parts if wants_parts else user
    wants_list = not _text(render, [ask], None) and bool(_text(render, [ask], []))
    without: list[dict[str, Any]] | None = [] if wants_list else None
    system = {**ask, "role": "system"}
    other = {**ask, "content": [{"type": "text", "text": _WORDS[1]}] if wants_parts else _WORDS[1]}
    takes_system = _shows(_text(render, [system, other], without), _WORDS[0], _WORDS[1])
    developer = {**ask, "role": "developer"}
    return Habits(
        takes_system=takes_system or not _text(render, [ask], without),
        takes_developer=takes_system and _shows(_text(render, [developer, other], without), _WORDS[0], "developer"),
        wants_parts=wants_parts,
        wants_list=wants_list,
        shows_tools="find_badger" in _text(render, [ask], [_TOOL]) or not _text(render, [ask], [_TOOL]),
        **_calls(render, ask, wants_parts=wants_parts),
    )


def _calls(render: Render, ask: Message, *, wants_parts: bool) -> dict[str, bool]:
    def shown(calls: list[dict[str, Any]]) -> str:
        """Prompts with the calls, before and after they are answered: some templates write one and not the other."""
        results = [_result(call["id"], _WORDS[2], wants_parts=wants_parts) for call in calls]
        talk = [ask, {"role": "assistant", "content": "", "tool_calls": calls}]
        return _text(render, talk, [_TOOL]) + _text(render, [*talk, *results], [_TOOL])

    as_object, as_text = {"place": _WORDS[1]}, f'{{"place": "{_WORDS[1]}"}}'
    one, text = shown([_call(_FIRST, as_object)]), shown([_call(_FIRST, as_text)])
    long_ids = shown([_call("call_0123456789abcdef", as_object)]) or shown([_call("call_0123456789abcdef", as_text)])
    wants_text = (_WORDS[1] not in one and _WORDS[1] in text) or (bool(one) and f'\\"{_WORDS[1]}' in one)
    arguments: Any = as_text if wants_text else as_object
    shows = _WORDS[1] in (text if wants_text else one)
    both = shown([_call(_FIRST, arguments), _call(_SECOND, _swapped(arguments))])
    return {
        "shows_calls": shows or not (one or text),
        "shows_results": _WORDS[2] in (text if wants_text else one) or not (one or text),
        "shows_every_call": not shows or _shows(both, _WORDS[1], _WORDS[3]),
        "wants_text": wants_text,
        "wants_short_ids": bool(one or text) and not long_ids,
    }


def _swapped(arguments: Any) -> Any:
    return {"place": _WORDS[3]} if isinstance(arguments, dict) else arguments.replace(_WORDS[1], _WORDS[3])


def _call(call_id: str, arguments: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "find_badger", "arguments": arguments}}


def _result(call_id: str, words: str, *, wants_parts: bool) -> Message:
    content: Any = [{"type": "text", "text": words}] if wants_parts else words
    return {"role": "tool", "tool_call_id": call_id, "name": "find_badger", "content": content}


def _text(render: Render, messages: list[Message], tools: list[dict[str, Any]] | None = None) -> str:
    """The prompt; "" where the template refuses."""
    try:
        return render(messages, tools)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a template is code, and raises whatever it raises
        return ""


def _shows(text: str, *words: str) -> bool:
    return all(word in text for word in words)
