"""One question and its answer: sent, printed as it comes, measured."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.client import ChatClient, ChatDelta

# What a model writes is text: it must not move the cursor, ring, or rename the window.
_CONTROL = {code: None for code in (*range(32), 127, *range(128, 160)) if chr(code) not in "\n\t"}
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


@dataclass(slots=True)
class Conversation:
    """What was said so far, and how the next answer is asked for."""

    model: str
    system: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, str]] = field(default_factory=list)

    def request(self, question: str) -> list[dict[str, str]]:
        """Messages of the next request."""
        head = [{"role": "system", "content": self.system}] if self.system else []
        return [*head, *self.messages, {"role": "user", "content": question}]

    def add(self, question: str, answer: str) -> None:
        """Remember a question and as much of its answer as came."""
        self.messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]

    def take_back(self) -> str | None:
        """Forget the last question and its answer; returns the question, None when there is none."""
        if not self.messages:
            return None
        question = self.messages[-2]["content"]
        del self.messages[-2:]
        return question


@dataclass(slots=True)
class Turn:
    """One answer, as far as it came, with its measures. Seconds from the moment the question was sent."""

    question: str
    answer: str = ""
    finish_reason: str | None = None
    ttft_seconds: float | None = None
    total_seconds: float = 0.0
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    tokens_per_second: float | None = None

    def take(self, delta: "ChatDelta", seconds: float) -> None:
        """Count a piece that came `seconds` after the question."""
        if self.ttft_seconds is None and (delta.content or delta.reasoning):
            self.ttft_seconds = seconds
        self.answer += delta.content
        self.total_seconds = seconds
        self.finish_reason = delta.finish_reason or self.finish_reason
        if delta.usage:
            self.prompt_tokens = delta.usage.prompt_tokens
            self.cached_tokens = delta.usage.cached_tokens
            self.completion_tokens = delta.usage.completion_tokens
        self.tokens_per_second = _rate(delta.timings) or self._measured_rate()

    def _measured_rate(self) -> float | None:
        if self.ttft_seconds is None or not self.completion_tokens or self.total_seconds <= self.ttft_seconds:
            return self.tokens_per_second
        return (self.completion_tokens - 1) / (self.total_seconds - self.ttft_seconds)

    def summary(self) -> str:
        """One line for a person."""
        from labkit.units import render_seconds, render_tokens_per_second

        parts = [f"{self.completion_tokens} tokens"] if self.completion_tokens is not None else []
        if self.tokens_per_second:
            parts.append(render_tokens_per_second(self.tokens_per_second))
        if self.ttft_seconds is not None:
            parts.append(f"first token after {render_seconds(self.ttft_seconds)}")
        if self.cached_tokens:
            parts.append(f"{self.cached_tokens} of {self.prompt_tokens} prompt tokens reused")
        if self.finish_reason == "length":
            parts.append("cut: no room for more tokens")
        return ", ".join(parts)


def ask(client: "ChatClient", conversation: Conversation, turn: Turn, *, show: bool) -> None:
    """Ask `turn.question`, filling `turn` and, if `show`, printing the answer as it comes.

    Modifies `turn` only; on an error or Ctrl-C it holds what came until then, and the request is cancelled.
    """
    started = time.perf_counter()
    deltas = client.stream(conversation.model, conversation.request(turn.question), **conversation.options)
    try:
        for delta in deltas:
            turn.take(delta, time.perf_counter() - started)
            if show:
                _print_piece(delta)
    finally:
        deltas.close()
        if show and turn.answer:
            sys.stdout.write("\n")
            sys.stdout.flush()


def _print_piece(delta: "ChatDelta") -> None:
    at_terminal = sys.stdout.isatty()
    text = delta.content
    if at_terminal:
        thought = delta.reasoning.translate(_CONTROL)
        text = (f"{_DIM}{thought}{_PLAIN}" if thought else "") + text.translate(_CONTROL)
    sys.stdout.write(text)
    sys.stdout.flush()


def _rate(timings: Mapping[str, float | None] | None) -> float | None:
    return timings.get("predicted_per_second") if timings else None
