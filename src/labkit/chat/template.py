"""A model's own Jinja chat template, rendered in a sandbox.

Templates come out of model files and are code. The sandbox keeps them from Python's objects, not from taking all time
and memory: `TemplateRenderer` compiles and renders those of files in a process with limits.
"""

import json
from datetime import UTC, datetime
from typing import Any, NoReturn

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from labkit.errors import InvalidModelFileError, InvalidRequestError


class ChatTemplate:
    """Messages and tools to the prompt text the model was trained on."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        """Compile `source`; `bos` and `eos` are the texts of those tokens. Raises InvalidModelFileError."""
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = _strftime_now
        self.source = source
        self._tokens = {"bos_token": bos, "eos_token": eos}
        try:
            self._template = environment.from_string(source)
        except MemoryError:
            raise
        except Exception as error:  # constants are computed by the compiler: whatever they raise
            raise InvalidModelFileError(
                f"the model's chat template does not compile: {error}", hint="use another file of this model"
            ) from error

    def render(
        self,
        messages: tuple[dict[str, Any], ...],
        tools: tuple[dict[str, Any], ...] = (),
        *,
        add_generation_prompt: bool = True,
    ) -> str:
        """The prompt. Raises InvalidRequestError when the template refuses the conversation; MemoryError."""
        try:
            return self._template.render(
                messages=[_normalise(message) for message in messages],
                tools=list(tools) or None,
                add_generation_prompt=add_generation_prompt,
                **self._tokens,
            )
        except MemoryError:
            raise
        except Exception as error:  # a template is code: a division by zero, a missing index, whatever it raises
            raise InvalidRequestError(
                f"the model's chat template refuses this conversation: {error}", param="messages"
            ) from error


def _normalise(message: dict[str, Any]) -> dict[str, Any]:
    """A message as templates expect it: text content, and tool-call arguments as objects (clients send text)."""
    normal = {**message, "content": message.get("content") or ""}
    if message.get("tool_calls"):
        normal["tool_calls"] = [_with_parsed_arguments(call) for call in message["tool_calls"]]
    return normal


def _with_parsed_arguments(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function", {})
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except ValueError:
            return call
    return {**call, "function": {**function, "arguments": arguments}}


def _to_json(value: Any, indent: int | None = None, **_: Any) -> str:
    # As transformers renders it: plain text, not HTML-safe escapes, which models have never seen.
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now(UTC).astimezone().strftime(form)
