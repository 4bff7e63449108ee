"""Chat requests made of random words: prompts of a given length that share nothing unless they are told to."""

import ctypes
import random
import string
from pathlib import Path
from typing import Any

import llama_cpp

from labkit.engine.native.library import initialize

WORD_LETTERS = (3, 7)


class Words:
    """Random words, counted with a model's own tokenizer."""

    def __init__(self, model: Path, *, seed: int) -> None:
        initialize()  # sends llama.cpp's talk to Python's logging
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        pointer = llama_cpp.llama_model_load_from_file(str(model).encode(), params)
        if pointer is None:
            raise RuntimeError(f"{model.name} has no vocabulary that llama.cpp can read")
        self._vocab: Any = llama_cpp.llama_model_get_vocab(pointer)
        self._random = random.Random(seed)

    def text(self, num_tokens: int) -> str:
        """Words that make up `num_tokens` tokens, or as few more as the last word brings."""
        words: list[str] = []
        while (missing := num_tokens - self.count(" ".join(words))) > 0:
            # Words here have at least one token, so this never overshoots by more than the last round's last word.
            words += [self._word() for _ in range(max(1, missing // 6))]
        return " ".join(words)

    def count(self, text: str) -> int:
        """Tokens of a text."""
        data = text.encode()
        room = (ctypes.c_int32 * (len(data) + 1))()
        return llama_cpp.llama_tokenize(self._vocab, data, len(data), room, len(room), False, False)

    def _word(self) -> str:
        return "".join(self._random.choices(string.ascii_lowercase, k=self._random.randint(*WORD_LETTERS)))


def chat(*turns: str, max_tokens: int, system: str | None = None, **fields: Any) -> dict[str, Any]:
    """A streamed, greedy request of exactly `max_tokens` tokens. `turns` are user, assistant, user ..."""
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": ("user", "assistant")[place % 2], "content": turn} for place, turn in enumerate(turns)]
    return {
        "model": "bench",
        "messages": messages,
        "max_tokens": max_tokens,
        "temperature": 0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
        **fields,
    }
