"""The text side of a sequence: token ids in, events out."""

from dataclasses import dataclass, replace

from labkit.engine.core.backend import Backend
from labkit.engine.core.sequence import Sequence
from labkit.engine.text import Detokenizer, StopMatcher
from labkit.engine.types import Company, FinishReason, StopCause, Timings, TokenEvent, TokenLogprob, Usage

_REASONS: dict[StopCause, FinishReason] = {
    "end_of_generation": "stop",
    "constraint_complete": "stop",
    "stop_text": "stop",
    "stop_token": "stop",
    "max_tokens": "length",
    "context_full": "length",
}


@dataclass(slots=True)
class Sampled:
    """What one step sampled for one sequence, oldest first; `logprobs` is empty where nobody asked."""

    tokens: list[int]
    logprobs: list[TokenLogprob]


class Stream:
    """Takes the tokens of a sequence as they are sampled. Modifies itself and the sequence."""

    def __init__(self, sequence: Sequence) -> None:
        self.sequence = sequence
        self._detokenizer = Detokenizer()
        self._stopping = StopMatcher(sequence.request.stop)
        self._prompt_logprobs: list[TokenLogprob] = []

    def take(self, sampled: Sampled, backend: Backend) -> TokenEvent:
        """The event of one step; with a finish reason when the answer is complete.

        Tokens after the one that ends the answer are dropped: speculation may have sampled them.
        """
        request_id = self.sequence.request.request_id
        text, cause, count = "", None, 0
        for token in sampled.tokens:
            self.sequence.tokens.append(token)
            count += 1
            more, cause = self._feed(token, backend)
            text += more
            if cause is not None:
                break
        tokens, logprobs = tuple(sampled.tokens[:count]), tuple(sampled.logprobs[:count])
        if cause is None:
            return TokenEvent(request_id, text, tokens, logprobs)
        return TokenEvent(
            request_id,
            text,
            tokens,
            logprobs,
            finish_reason=_REASONS[cause],
            stop_cause=cause,
            stop_text=self._stopping.found,
        )

    def take_scores(self, logprobs: list[TokenLogprob]) -> None:
        """Log-probabilities of the prompt's next tokens: they wait for the first event."""
        self._prompt_logprobs += logprobs

    def first_event(self, event: TokenEvent) -> TokenEvent:
        """`event`, the first one, with what is known of the prompt."""
        scores, self._prompt_logprobs = self._prompt_logprobs, []
        return replace(event, prompt_logprobs=tuple(scores)) if scores else event

    def end_after_prompt(self) -> TokenEvent:
        """The one event of a request that wanted no token."""
        event = TokenEvent(self.sequence.request.request_id, finish_reason="length", stop_cause="max_tokens")
        return self.first_event(event)

    def flush(self) -> str:
        """Text that was held back, when the answer ends from outside."""
        return self._stopping.flush()

    def last_event(self, event: TokenEvent, now: float, company: Company | None = None) -> TokenEvent:
        """`event` with the sums of the whole request; `now` is of the engine's clock."""
        return replace(event, usage=self._usage(), timings=self._timings(now), company=company)

    def _usage(self) -> Usage:
        sequence = self.sequence
        return Usage(
            prompt_tokens=sequence.num_prompt,
            completion_tokens=sequence.num_generated,
            cached_tokens=sequence.num_cached,
            cached_from=sequence.cached_from,
            drafted_tokens=sequence.num_drafted,
            accepted_tokens=sequence.num_accepted,
        )

    def _timings(self, now: float) -> Timings:
        sequence = self.sequence
        admitted = sequence.admitted if sequence.admitted is not None else now
        first = sequence.first_token if sequence.first_token is not None else now
        return Timings(
            queue_seconds=admitted - sequence.arrived,
            prefill_seconds=max(first - admitted, 0.0),
            decode_seconds=max(now - first, 0.0),
        )

    def _feed(self, token: int, backend: Backend) -> tuple[str, StopCause | None]:
        """The text that `token`, which the sequence has already, makes certain; and what it ends the answer by."""
        request = self.sequence.request
        is_early = bool(request.min_tokens) and self.sequence.num_generated <= request.min_tokens
        if request.stop_token_ids and token in request.stop_token_ids and not is_early:
            return self._stopping.flush(), "stop_token"
        if backend.is_end(token) and not request.ignore_eos:
            return self._stopping.flush(), "constraint_complete" if request.constraint else "end_of_generation"
        text = self._detokenizer.feed(backend.piece(token, with_control=request.show_control))
        if not is_early:
            text = self._stopping.feed(text)
            if self._stopping.found:
                return text, "stop_text"
        cause = self._full(backend.sequence_tokens)
        if cause is not None:
            text += self._stopping.feed(self._detokenizer.flush()) + self._stopping.flush()
        return text, cause

    def _full(self, sequence_tokens: int) -> StopCause | None:
        limit = self.sequence.request.max_tokens
        if limit is not None and self.sequence.num_generated >= limit:
            return "max_tokens"
        return "context_full" if len(self.sequence.tokens) >= sequence_tokens else None
