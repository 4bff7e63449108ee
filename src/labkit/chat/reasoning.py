"""How much a model thinks: which variables of its template say so, and whether a prompt leaves it thinking."""

from collections.abc import Collection
from typing import Any

from labkit.chat.format import ChatFormat
from labkit.chat.thinking import Thinking
from labkit.errors import InvalidRequestError

_OFF: dict[str, Any] = {
    "enable_thinking": False,
    "thinking": False,
    "reasoning": False,
    "thinking_mode": "disabled",
    "thinking_budget": 0,
}
_ON: dict[str, Any] = {"enable_thinking": True, "thinking": True, "reasoning": True, "thinking_mode": "enabled"}
_AMOUNTS = ("reasoning_effort", "thinking_effort")
_USUAL = "medium"
_RESERVED = frozenset({"messages", "tools", "add_generation_prompt", "bos_token", "eos_token"})


def effort_variables(
    effort: str | None, variables: Collection[str], format_: ChatFormat, *, thinks: bool
) -> dict[str, Any]:
    """What to tell a template with these variables. Raises InvalidRequestError for what it has no words for."""
    if effort is None:
        return {}
    amounts = {name: format_.efforts.get(effort, effort) for name in _AMOUNTS if name in variables}
    if effort == "none":
        found = {name: value for name, value in _OFF.items() if name in variables}
        if "none" in format_.efforts:
            found |= amounts
        if thinks and (not found or format_.always_thinks):
            raise _refusal("this model cannot answer without reasoning", "low")
        return found
    if not thinks:
        raise _refusal("this model does not reason before it answers", "none")
    found = {name: value for name, value in _ON.items() if name in variables} | amounts
    if not found and effort != _USUAL:
        raise _refusal("how much this model reasons cannot be chosen", _USUAL)
    return found


def check_arguments(arguments: Collection[str], variables: Collection[str]) -> None:
    """Raise InvalidRequestError for a template variable that is not the client's to set, or that nothing reads."""
    for name in arguments:
        if name in _RESERVED:
            raise InvalidRequestError(
                f"the template variable {name!r} is set by the server",
                param="chat_template_kwargs",
                hint="leave it out",
            )
        if name not in variables and name not in _OFF and name not in _AMOUNTS:
            known = ", ".join(sorted(set(variables) - _RESERVED)) or "none"
            raise InvalidRequestError(
                f"this model's chat template does not read {name!r}",
                param="chat_template_kwargs",
                hint=f"it reads: {known}",
            )


def opened_by(prompt: str, thinking: tuple[Thinking, ...]) -> Thinking | None:
    """The reasoning that a prompt begins and leaves to the model."""
    end = prompt.rstrip()
    return next((one for one in thinking if end.endswith(one.opens)), None)


def opened_in(text: str, thinking: tuple[Thinking, ...]) -> Thinking | None:
    """The reasoning that the beginning of an answer is still in."""
    for one in thinking:
        begun = max(text.rfind(mark) for mark in one.opens)
        if begun >= 0 and not any(text.find(mark, begun) >= 0 for mark in one.closes):
            return one
    return None


def is_ended_by(prompt: str, thinking: tuple[Thinking, ...]) -> bool:
    """Whether a prompt ends with the end of reasoning: the model answers at once."""
    return any(prompt.rstrip().endswith(one.closes) for one in thinking)


def _refusal(reason: str, instead: str) -> InvalidRequestError:
    return InvalidRequestError(
        reason, param="reasoning_effort", code="unsupported_value", hint=f"leave it out, or send {instead!r}"
    )
