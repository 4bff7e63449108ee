"""The model's vocabulary as llguidance wants it."""

import ctypes

import llama_cpp
import llguidance

from labkit.engine.native.model import NativeModel


def end_tokens(model: NativeModel) -> tuple[int, ...]:
    """Every token that ends a generation."""
    return tuple(token for token in range(model.vocab_size) if model.is_end(token))


def read_vocabulary(model: NativeModel, ends: tuple[int, ...]) -> llguidance.LLTokenizer:
    """Bytes of each token, and 0xff before markers, which no text can produce.

    Blocks (0.1 us per token and more). The result calls into the model's vocabulary: not for use after the model
    is closed.
    """
    tokens = [
        (b"\xff" if model.is_marker(token) else b"") + model.piece(token, with_control=True)
        for token in range(model.vocab_size)
    ]
    tokenize = ctypes.cast(llama_cpp.llama_cpp._lib.llama_tokenize, ctypes.c_void_p).value
    return llguidance.LLTokenizer.from_llamacpp(  # pyright: ignore[reportAttributeAccessIssue]
        tokens=tokens, vocab_ptr=model.vocab, tokenize_fptr=tokenize, eos_token=list(ends), slices=None
    )
