"""Constrained decoding: llguidance says which tokens may come next, and all others are ruled out."""

import ctypes
import json
from typing import Any

import llama_cpp
import llguidance
import llguidance.numpy
import numpy as np
import numpy.typing as npt

from labkit.engine.native.model import NativeModel
from labkit.engine.types import Constraint
from labkit.errors import InvalidRequestError, NativeError

MAX_GRAMMAR_BYTES = 256 * 1024
_JSON_FORM: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class GrammarCompiler:
    """Compiles constraints for one vocabulary; reading the vocabulary (some 0.1 s) is put off until first used."""

    def __init__(self, model: NativeModel) -> None:
        self._model = model
        self._tokenizer: llguidance.LLTokenizer | None = None

    def compile(self, constraint: Constraint) -> "TokenMask":
        """A fresh mask for one sequence. Raises InvalidRequestError for a constraint that cannot be honoured."""
        if len(constraint.text) > MAX_GRAMMAR_BYTES:
            raise InvalidRequestError(
                f"the constraint has {len(constraint.text)} characters, the limit is {MAX_GRAMMAR_BYTES}",
                param="response_format",
            )
        if self._tokenizer is None:
            self._tokenizer = _read_vocabulary(self._model)
        matcher = llguidance.LLMatcher(self._tokenizer, _grammar(constraint), log_level=0)
        if matcher.is_error():
            reason = matcher.get_error().splitlines()[0]
            raise InvalidRequestError(
                f"the constraint cannot be honoured: {reason}",
                param="response_format",
                code="unsupported_schema",
                hint="simplify the schema, or leave out the keyword that is named",
            )
        return TokenMask(matcher, self._model.vocab_size)


def _read_vocabulary(model: NativeModel) -> llguidance.LLTokenizer:
    """The vocabulary as llguidance wants it: bytes, and 0xff before markers, which no text can produce."""
    tokens = [
        (b"\xff" if model.is_marker(token) else b"") + model.piece(token, with_control=True)
        for token in range(model.vocab_size)
    ]
    ends = [token for token in range(model.vocab_size) if model.is_end(token)]
    tokenize = ctypes.cast(llama_cpp.llama_cpp._lib.llama_tokenize, ctypes.c_void_p).value
    return llguidance.LLTokenizer.from_llamacpp(  # pyright: ignore[reportAttributeAccessIssue]
        tokens=tokens, vocab_ptr=model.vocab, tokenize_fptr=tokenize, eos_token=ends or None, slices=None
    )


class TokenMask:
    """What may come next for one sequence. Modifies itself with every accepted token."""

    def __init__(self, matcher: llguidance.LLMatcher, vocab_size: int) -> None:
        self._matcher = matcher
        self._bits = llguidance.numpy.allocate_token_bitmask(1, vocab_size)

    def apply(self, logits: npt.NDArray[np.float32]) -> None:
        """Set the logits of every token that may not come next to minus infinity, in place."""
        llguidance.numpy.fill_next_token_bitmask(self._matcher, self._bits)
        llguidance.numpy.apply_token_bitmask_inplace(logits, self._bits)

    def accept(self, token: int) -> None:
        """Move on by the sampled token. Raises NativeError when it does not belong to the language."""
        if not self._matcher.consume_token(token):
            raise NativeError(f"the constraint failed: {self._matcher.get_error() or 'the token does not fit'}")


def _grammar(constraint: Constraint) -> str:
    if constraint.kind == "lark":
        return llguidance.LLMatcher.grammar_from_lark(constraint.text)
    schema = json.loads(constraint.text) if constraint.kind == "json_schema" else {"type": "object"}
    return llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=_JSON_FORM)
