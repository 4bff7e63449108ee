"""The model's vocabulary as llguidance wants it."""

import ctypes
from typing import Any

import llama_cpp
import llguidance

from labkit.engine.native.model import NativeModel

_MAX_PIECE_BYTES = 4096


def read_vocabulary(model: NativeModel, ends: tuple[int, ...]) -> llguidance.LLTokenizer:
    """Bytes of each token, and 0xff before markers, which no text can produce.

    Blocks (0.3 s for 150,000 tokens, more on a busy machine); any thread may call. The result calls into the model's
    vocabulary: not for use after the model is closed.
    """
    # Not model.piece: it would keep them all.
    buffer: Any = ctypes.create_string_buffer(_MAX_PIECE_BYTES)

    def piece(token: int) -> bytes:
        size = llama_cpp.llama_token_to_piece(model.vocab, token, buffer, _MAX_PIECE_BYTES, 0, True)
        if size < 0:
            big: Any = ctypes.create_string_buffer(-size)
            return big.raw[: llama_cpp.llama_token_to_piece(model.vocab, token, big, -size, 0, True)]
        return ctypes.string_at(buffer, size)

    tokens = [(b"\xff" if model.is_marker(token) else b"") + piece(token) for token in range(model.vocab_size)]
    tokenize = ctypes.cast(llama_cpp.llama_cpp._lib.llama_tokenize, ctypes.c_void_p).value
    return llguidance.LLTokenizer.from_llamacpp(  # pyright: ignore[reportAttributeAccessIssue]
        tokens=tokens, vocab_ptr=model.vocab, tokenize_fptr=tokenize, eos_token=list(ends), slices=None
    )
