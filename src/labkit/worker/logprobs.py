"""Log-probabilities on their way to a client: with text and bytes, and no earlier than the text of their tokens."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from labkit.engine.native.model import NativeModel
from labkit.engine.native.tokenizer import detokenize
from labkit.engine.types import TokenLogprob
from labkit.worker.messages import Complete, LogprobEntry, PromptTokens, TokenText

LEAST_LOGPROB = -9999.0
"""What OpenAI sends for a token that cannot come; JSON has no minus infinity."""


class HeldLogprobs:
    """Log-probabilities of one answer, given out as its text is. Modifies itself.

    Text lags behind its tokens while it may be the beginning of a stop text. Tokens whose text never comes (a stop
    text, the end of the answer) are not given out, so that the entries spell the answer; unless `name` is there, which
    gives the bytes of any token: then they come with the end, because some clients count every token.
    """

    def __init__(self, piece: Callable[[int], bytes], name: Callable[[int], bytes] | None = None) -> None:
        self._piece = piece
        self._name = name
        self._held: deque[tuple[int, TokenLogprob]] = deque()  # with the number of bytes before the token
        self._fed_bytes = 0
        self._released_bytes = 0

    def feed(self, logprobs: Iterable[TokenLogprob], text: str, *, is_last: bool = False) -> tuple[LogprobEntry, ...]:
        """Entries of the tokens that `text`, which is new, belongs to."""
        for logprob in logprobs:
            self._held.append((self._fed_bytes, logprob))
            self._fed_bytes += len(self._piece(logprob.token))
        self._released_bytes += len(text.encode())
        entries: list[LogprobEntry] = []
        tells_rest = is_last and self._name is not None
        while self._held and (tells_rest or self._held[0][0] < self._released_bytes):
            entries.append(entry(self._held.popleft()[1], self._name or self._piece))
        return tuple(entries)


class Echo:
    """The prompt of a completion, on its way back to the client."""

    def __init__(self, model: NativeModel, message: Complete, prompt: tuple[int, ...]) -> None:
        """`prompt` is what became of the message's own: with the model's opening token, if it has one."""
        self._model = model
        self._message = message
        self._prompt = prompt

    def told(self, logprobs: Sequence[TokenLogprob]) -> PromptTokens:
        """The prompt, with the log-probabilities of its tokens from the second on, where there are any.

        The text is the client's own; markers that the model wants around it are among the tokens only.
        """
        given = self._message.prompt
        text = given if isinstance(given, str) else detokenize(self._model, given)
        if self._message.logprobs is None:
            return PromptTokens(text)
        first = self._prompt[0]
        entries = (None, *(entry(each, self._piece) for each in logprobs))
        return PromptTokens(text, entries, TokenText(self._piece(first), 0.0, first))

    def _piece(self, token: int) -> bytes:
        return self._model.piece(token, with_control=True)


def entry(found: TokenLogprob, piece: Callable[[int], bytes]) -> LogprobEntry:
    """A token's log-probabilities as they cross the wire; `piece` gives the bytes of a token."""

    def told(token: int, logprob: float) -> TokenText:
        return TokenText(piece(token), logprob if math.isfinite(logprob) else LEAST_LOGPROB, token)

    return LogprobEntry(told(found.token, found.logprob), tuple([told(*each) for each in found.top]))
