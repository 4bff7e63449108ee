"""The text side of a sequence: token ids in, events out."""

from dataclasses import dataclass, replace

from labkit.engine.core.backend import Backend
from labkit.engine.core.sequence import Sequence
from labkit.engine.text import Detokenizer, StopMatcher
from labkit.engine.types import FinishReason, Timings, TokenEvent, TokenLogprob, Usage


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

    def take(self, sampled: Sampled, backend: Backend) -> TokenEvent:
        """The event of one step; with a finish reason when the answer is complete.

        Tokens after the one that ends the answer are dropped: speculation may have sampled them.
        """
        request_id = self.sequence.request.request_id
        text, reason, count = "", None, 0
        for token in sampled.tokens:
            self.sequence.tokens.append(token)
            count += 1
            more, reason = self._feed(token, backend)
            text += more
            if reason is not None:
                break
        tokens, logprobs = tuple(sampled.tokens[:count]), tuple(sampled.logprobs[:count])
        return TokenEvent(request_id, text, tokens, logprobs, finish_reason=reason)

    def flush(self) -> str:
        """Text that was held back, when the answer ends from outside."""
        return self._stopping.flush()

    def last_event(self, event: TokenEvent, now: float) -> TokenEvent:
        """`event` with the sums of the whole request; `now` is of the engine's clock."""
        return replace(event, usage=self._usage(), timings=self._timings(now))

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

    def _feed(self, token: int, backend: Backend) -> tuple[str, FinishReason | None]:
        if backend.is_end(token) and not self.sequence.request.ignore_eos:
            return self._stopping.flush(), "stop"
        text = self._stopping.feed(self._detokenizer.feed(backend.piece(token)))
        if self._stopping.is_stopped:
            return text, "stop"
        if self._is_full(backend.sequence_tokens):
            rest = self._stopping.feed(self._detokenizer.flush()) + self._stopping.flush()
            return text + rest, "length"
        return text, None

    def _is_full(self, sequence_tokens: int) -> bool:
        limit = self.sequence.request.max_tokens
        if limit is not None and self.sequence.num_generated >= limit:
            return True
        return len(self.sequence.tokens) >= sequence_tokens
