"""Log-probabilities in the form of OpenAI's text completions: four lists, one entry for each token."""

import codecs
from collections.abc import Sequence
from typing import Any

from labkit.worker.messages import LogprobEntry, PromptTokens, TokenText


class LegacyLogprobs:
    """Writes those of one choice, in as many parts as there are; offsets go on from part to part. Modifies itself.

    `text_offset` counts characters from the start of the choice's text, the prompt included where it is given back.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._offset = 0

    def written(self, prompt: PromptTokens | None, entries: Sequence[LogprobEntry]) -> dict[str, Any]:
        """One part: the prompt's tokens where they are told, then those of `entries`."""
        tokens: list[str] = []
        logprobs: list[float | None] = []
        tops: list[dict[str, float] | None] = []
        offsets: list[int] = []
        if prompt is not None and prompt.first is not None:
            tokens.append(token_name(prompt.first))
            logprobs.append(None)  # nothing predicts the first token
            tops.append(None)
            # A marker that the model wants before a text is no part of it.
            is_text = prompt.text.encode().startswith(prompt.first.bytes)
            offsets.append(self._pass(prompt.first) if is_text else 0)
        told = [entry for entry in prompt.logprobs if entry is not None] if prompt else []
        for entry in (*told, *entries):
            tokens.append(token_name(entry.chosen))
            logprobs.append(entry.chosen.logprob)
            tops.append(_top(entry))
            offsets.append(self._pass(entry.chosen))
        return {"tokens": tokens, "token_logprobs": logprobs, "top_logprobs": tops, "text_offset": offsets}

    def _pass(self, token: TokenText) -> int:
        """The offset of `token`; the next one's is behind it."""
        offset = self._offset
        self._offset += len(self._decoder.decode(token.bytes))
        return offset


def token_name(token: TokenText) -> str:
    """A token's text; what is no whole characters is spelled in bytes, as OpenAI does, so that names stay apart."""
    try:
        return token.bytes.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token.bytes)


def _top(entry: LogprobEntry) -> dict[str, float]:
    """The best ones, and the chosen one even if it is not among them."""
    found: dict[str, float] = {}
    for token in (*entry.top, entry.chosen):
        found.setdefault(token_name(token), token.logprob)
    return found
