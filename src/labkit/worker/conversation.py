"""One chat request inside the worker: from engine events to deltas a front can send on. Pure."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from labkit.chat import ContentPiece, Piece, Reader, ReasoningPiece, ToolCallPiece
from labkit.engine.types import Timings, TokenEvent, Usage
from labkit.errors import LabkitError, NativeError
from labkit.worker.logprobs import Echo, HeldLogprobs
from labkit.worker.merging import joined_tool_calls
from labkit.worker.messages import Delta, LogprobEntry, PromptTokens, ToolCallDelta, WireFinishReason
from labkit.worker.reports import Account
from labkit.worker.wire import describe_error


class Conversation:
    """A request and its choices, each of which is one sequence of the engine. Modifies itself."""

    def __init__(self, request_id: str, num_choices: int = 1, prompt_tokens: int = 0) -> None:
        self.request_id = request_id
        self.num_open = num_choices
        self.is_over = False
        self.constraint_seconds = 0.0
        """How long compiling its constraint took."""
        self._untold_prompt_tokens = prompt_tokens
        self._usages: list[Usage] = []
        self._timings: list[Timings] = []

    def fail(self, error: Exception) -> Delta:
        """The end of the whole request."""
        self.is_over = True
        known = error if isinstance(error, LabkitError) else NativeError("the engine failed")
        return Delta(self.request_id, error=describe_error(known))

    def tell_prompt_tokens(self) -> int:
        """How long the prompt is, once; then 0."""
        untold, self._untold_prompt_tokens = self._untold_prompt_tokens, 0
        return untold

    def end_choice(self, usage: Usage | None, timings: Timings | None) -> tuple[Usage | None, Timings | None]:
        """One choice is over. What the whole request took, when it was the last one."""
        self.num_open -= 1
        self._usages += [usage] if usage else []
        self._timings += [timings] if timings else []
        if self.num_open:
            return None, None
        self.is_over = True
        return summed_usage(self._usages), longest_timings(self._timings)


class Choice:
    """Feeds the text of one sequence through its reader. Modifies itself and its conversation.

    `logprobs` and `echo` are None where they were not asked for, `account` where nobody wants a report.
    """

    def __init__(
        self,
        conversation: Conversation,
        reader: Reader,
        index: int = 0,
        logprobs: HeldLogprobs | None = None,
        echo: Echo | None = None,
        account: Account | None = None,
    ) -> None:
        self._conversation = conversation
        self._reader = reader
        self._index = index
        self._logprobs = logprobs
        self._echo = echo
        self._account = account
        self._reasoning_tokens = 0
        self._has_calls = False
        self._begun_calls: set[int] = set()

    @property
    def conversation(self) -> Conversation:
        """The request it belongs to."""
        return self._conversation

    def delta(self, event: TokenEvent) -> Delta | None:
        """What `event` means for the client; nothing when the request is over.

        The last one of a choice carries its finish reason, the last one of the request usage, or the error.
        """
        conversation = self._conversation
        if conversation.is_over:
            return None
        if event.error is not None:
            return conversation.fail(event.error)
        if self._reader.is_reasoning:
            self._reasoning_tokens += len(event.tokens)
        pieces = self._reader.feed(event.text)
        usage = timings = report = None
        if event.finish_reason is not None:
            pieces += self._reader.finish()
            usage, timings = conversation.end_choice(self._usage(event), event.timings)
            report = self._account.report(event, conversation.constraint_seconds) if self._account else None
        return Delta(
            conversation.request_id,
            content="".join([piece.text for piece in pieces if isinstance(piece, ContentPiece)]),
            reasoning="".join([piece.text for piece in pieces if isinstance(piece, ReasoningPiece)]),
            tool_calls=self._tool_calls(pieces),
            num_tokens=len(event.tokens),
            finish_reason=self._finish_reason(event),
            usage=usage,
            timings=timings,
            choice=self._index,
            num_open=conversation.num_open,
            logprobs=self._entries(event) if self._logprobs else (),
            prompt=self._prompt(event) if self._echo else None,
            report=report,
            prompt_tokens=conversation.tell_prompt_tokens(),
        )

    def _entries(self, event: TokenEvent) -> tuple[LogprobEntry, ...]:
        assert self._logprobs
        return self._logprobs.feed(event.logprobs, event.text, is_last=event.finish_reason is not None)

    def _usage(self, event: TokenEvent) -> Usage | None:
        if event.usage is None or not self._reasoning_tokens:
            return event.usage
        return replace(event.usage, reasoning_tokens=self._reasoning_tokens)

    def _prompt(self, event: TokenEvent) -> PromptTokens | None:
        """With the first delta."""
        echo, self._echo = self._echo, None
        return echo.told(event.prompt_logprobs) if echo else None

    def _tool_calls(self, pieces: list[Piece]) -> tuple[ToolCallDelta, ...]:
        """News of calls, one for each. Arguments begin with what is no space: clients parse them as they come."""
        calls: list[ToolCallDelta] = []
        for piece in pieces:
            if not isinstance(piece, ToolCallPiece):
                continue
            self._has_calls = True
            new_id = f"call_{secrets.token_hex(12)}" if piece.name is not None else None
            has_begun = piece.index in self._begun_calls
            arguments = piece.arguments if has_begun else piece.arguments.lstrip()
            if arguments and not has_begun:
                self._begun_calls.add(piece.index)
            if arguments or new_id:
                calls.append(ToolCallDelta(piece.index, new_id, piece.name, arguments))
        return joined_tool_calls(calls) if len(calls) > 1 else tuple(calls)

    def _finish_reason(self, event: TokenEvent) -> WireFinishReason | None:
        return "tool_calls" if event.finish_reason == "stop" and self._has_calls else event.finish_reason


def summed_usage(usages: Sequence[Usage]) -> Usage | None:
    """Usage of a request, as OpenAI counts: its one prompt once, the tokens of all choices.

    Of the prompt, `cached_tokens` is what the choice that had least of it found: the others shared with that one.
    """
    if not usages:
        return None
    leader = min(usages, key=lambda usage: usage.cached_tokens)
    return Usage(
        prompt_tokens=leader.prompt_tokens,
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cached_tokens=leader.cached_tokens,
        cached_from=leader.cached_from,
        drafted_tokens=sum(usage.drafted_tokens for usage in usages),
        accepted_tokens=sum(usage.accepted_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
    )


def longest_timings(timings: Sequence[Timings]) -> Timings | None:
    """Times of a request whose choices ran beside each other: the longest of each kind."""
    if not timings:
        return None
    return Timings(
        queue_seconds=max(each.queue_seconds for each in timings),
        prefill_seconds=max(each.prefill_seconds for each in timings),
        decode_seconds=max(each.decode_seconds for each in timings),
    )
