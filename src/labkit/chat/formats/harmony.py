"""OpenAI's gpt-oss: every part of an answer is a message in a channel, and a call is one to a function."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labkit.chat.calls import ArgumentTypes, CallSyntax, NamedJsonCalls
from labkit.chat.format import ChatFormat
from labkit.chat.grammar import Function, Grammar, either
from labkit.chat.reading import BrokenError, Output, Reading, Source
from labkit.chat.reading.json_text import read_value
from labkit.chat.thinking import Thinking

START, CHANNEL, MESSAGE = "<|start|>", "<|channel|>", "<|message|>"
_ENDS = ("<|end|>", "<|call|>", "<|return|>")
_MOST_HEADER = 300
_RECIPIENT = r"(?:\s*to=(?:functions\.)?([\w.-]+))?"
_HEADER = re.compile(
    rf"(?:<\|start\|>)?(?:assistant)?{_RECIPIENT}\s*<\|channel\|>\s*(analysis|commentary|final){_RECIPIENT}"
    r"(?:\s*<\|constrain\|>)?\s*(?:json|code|text)?\s*"
)
_ANALYSIS = f"{CHANNEL}analysis{MESSAGE}"
_FINAL = f"{CHANNEL}final{MESSAGE}"
_CALL = NamedJsonCalls(
    start=f"{CHANNEL}commentary to=functions.", middle=f" <|constrain|>json{MESSAGE}", is_single=True
)


@dataclass(frozen=True, slots=True)
class HarmonyCalls:
    """One call ends an answer."""

    openers = (CHANNEL, START)
    is_bare = False
    stop_after_one = ""

    def read(self, source: Source, output: Output, opener: str, types: ArgumentTypes) -> Reading[None]:
        """See CallSyntax.read; `read_harmony` reads whole answers."""
        yield from _CALL.read(source, output, opener, types)

    def write(self, calls: Sequence[Any]) -> str:
        """See CallSyntax.write."""
        return _CALL.write(calls)

    def forced(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.forced."""
        return _CALL.forced(grammar, functions, parallel=False)

    def offered(self, grammar: Grammar, functions: Sequence[Function], *, parallel: bool) -> str:
        """See CallSyntax.offered."""
        answer = f"{grammar.text(_FINAL)} {grammar.free()}"
        said = f"{grammar.text(f'{CHANNEL}commentary{MESSAGE}')} {grammar.until(f'<|end|>{START}assistant')}"
        call = grammar.rule(f"({said})? {self.forced(grammar, functions, parallel=False)}")
        return either([grammar.rule(answer), call])


def read_harmony(
    source: Source,
    output: Output,
    *,
    thinking: tuple[Thinking, ...],
    calls: CallSyntax | None,
    types: ArgumentTypes,
    opened: Thinking | None = None,
    drops: tuple[str, ...] = (),
) -> Reading[None]:
    """Messages, one after another. Text outside of them is content; calls are read whether or not there are tools."""
    if opened is not None:
        yield from _body(source, output, "analysis", "")
    elif (yield from source.peek()) == " ":  # the prompt ends in "assistant", and " to=functions.f" may follow
        yield from _message(source, output, "")
    while True:
        marker = yield from source.until((START, CHANNEL, *_ENDS), output.content)
        if not marker:
            break
        if marker in (START, CHANNEL):
            yield from _message(source, output, marker)
    output.end_content()


def _message(source: Source, output: Output, begun: str) -> Reading[None]:
    source.record(begun)
    try:
        header, _ = yield from source.collect((MESSAGE,), _MOST_HEADER)
        found = _HEADER.fullmatch(begun + header)
        if found is None:
            raise BrokenError
    except BrokenError:
        output.content(source.release())
        return
    source.release()
    yield from _body(source, output, found[2], found[1] or found[3] or "")


def _body(source: Source, output: Output, channel: str, recipient: str) -> Reading[None]:
    """A message after its header, up to its end."""
    if recipient:
        output.call(recipient)
        yield from _arguments(source, output)
        return
    if channel != "analysis":
        yield from source.until((*_ENDS, START), output.content)
        return
    output.begin_reasoning()
    if (yield from source.until((*_ENDS, START), output.reasoning)):
        output.end_reasoning()


def _arguments(source: Source, output: Output) -> Reading[None]:
    """JSON, in whose strings markers mean nothing; what is none goes up to the next marker."""
    if (yield from source.skip()) == "{":
        source.record("")

        def give(text: str) -> None:
            output.arguments(text)
            source.mark()

        try:
            yield from read_value(source, give)
        except BrokenError:
            source.release()
    yield from source.until((*_ENDS, START), output.arguments)
    source.release()


def prepare(message: dict[str, Any]) -> dict[str, Any]:
    """Templates take what was thought before a call, or what was said, not both."""
    if message.get("tool_calls") and message.get("content") and message.get("reasoning_content"):
        thought = f"{message['reasoning_content']}\n{message['content']}"
        return {**message, "content": "", "reasoning_content": thought}
    return message


FORMATS = (
    ChatFormat(
        "harmony",
        (START, CHANNEL, MESSAGE),
        HarmonyCalls(),
        (Thinking((_ANALYSIS,), ("<|end|>",), is_certain=True, space=f"{START}assistant"),),
        answer_opens=_FINAL,
        drops=(START, CHANNEL, MESSAGE, *_ENDS),
        efforts={"minimal": "low", "xhigh": "high", "max": "high"},
        always_thinks=True,
        prepare=prepare,
        read=read_harmony,
    ),
)
