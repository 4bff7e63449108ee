"""Log-probabilities on their way to a client: with text and bytes, and no earlier than the text of their tokens."""

import math
from collections import deque
from collections.abc import Callable, Iterable

from labkit.engine.types import TokenLogprob
from labkit.worker.messages import LogprobEntry, TokenText

LEAST_LOGPROB = -9999.0
"""What OpenAI sends for a token that cannot come; JSON has no minus infinity."""


class HeldLogprobs:
    """Log-probabilities of one answer, given out as its text is. Modifies itself.

    Text lags behind its tokens while it may be the beginning of a stop text. Tokens whose text never comes (a stop
    text, the end of the answer) are not given out, so that the entries spell the answer.
    """

    def __init__(self, piece: Callable[[int], bytes]) -> None:
        self._piece = piece
        self._held: deque[tuple[int, TokenLogprob]] = deque()  # with the number of bytes before the token
        self._fed_bytes = 0
        self._released_bytes = 0

    def feed(self, logprobs: Iterable[TokenLogprob], text: str) -> tuple[LogprobEntry, ...]:
        """Entries of the tokens that `text`, which is new, belongs to."""
        for logprob in logprobs:
            self._held.append((self._fed_bytes, logprob))
            self._fed_bytes += len(self._piece(logprob.token))
        self._released_bytes += len(text.encode())
        entries: list[LogprobEntry] = []
        while self._held and self._held[0][0] < self._released_bytes:
            entries.append(self._entry(self._held.popleft()[1]))
        return tuple(entries)

    def _entry(self, found: TokenLogprob) -> LogprobEntry:
        chosen = self._token(found.token, found.logprob)
        return LogprobEntry(chosen, tuple(self._token(token, logprob) for token, logprob in found.top))

    def _token(self, token: int, logprob: float) -> TokenText:
        return TokenText(self._piece(token), logprob if math.isfinite(logprob) else LEAST_LOGPROB, token)
