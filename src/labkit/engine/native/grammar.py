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
        self._ends: list[int] = []

    def compile(self, constraint: Constraint) -> "TokenMask":
        """A fresh mask for one sequence. Raises InvalidRequestError for a constraint that cannot be honoured."""
        if len(constraint.text) > MAX_GRAMMAR_BYTES:
            raise InvalidRequestError(
                f"the constraint has {len(constraint.text)} characters, the limit is {MAX_GRAMMAR_BYTES}",
                param=constraint.param,
            )
        if self._tokenizer is None:
            self._ends = [token for token in range(self._model.vocab_size) if self._model.is_end(token)]
            self._tokenizer = _read_vocabulary(self._model, self._ends)
        matcher = llguidance.LLMatcher(self._tokenizer, _grammar(constraint), log_level=0)
        mask = TokenMask(matcher, self._model.vocab_size)
        # Some grammars compile and still have no first token, such as a schema that is only a reference to itself.
        if matcher.is_error() or matcher.is_stopped() or not mask.has_text(self._ends):
            reason = (matcher.get_error().splitlines() or ["no text satisfies it"])[0]
            raise InvalidRequestError(
                f"the constraint cannot be honoured: {reason}",
                param=constraint.param,
                code="unsupported_schema",
                hint="simplify the schema, or leave out the keyword that is named",
            )
        return mask


def _read_vocabulary(model: NativeModel, ends: list[int]) -> llguidance.LLTokenizer:
    """The vocabulary as llguidance wants it: bytes, and 0xff before markers, which no text can produce."""
    tokens = [
        (b"\xff" if model.is_marker(token) else b"") + model.piece(token, with_control=True)
        for token in range(model.vocab_size)
    ]
    tokenize = ctypes.cast(llama_cpp.llama_cpp._lib.llama_tokenize, ctypes.c_void_p).value
    return llguidance.LLTokenizer.from_llamacpp(  # pyright: ignore[reportAttributeAccessIssue]
        tokens=tokens, vocab_ptr=model.vocab, tokenize_fptr=tokenize, eos_token=ends or None, slices=None
    )


class TokenMask:
    """What may come next for one sequence. Modifies itself with every accepted token."""

    def __init__(self, matcher: llguidance.LLMatcher, vocab_size: int) -> None:
        self._matcher = matcher
        self._vocab_size = vocab_size
        self._bits = llguidance.numpy.allocate_token_bitmask(1, vocab_size)

    def has_text(self, ends: list[int]) -> bool:
        """Whether a token other than those of `ends` may come next."""
        if self._matcher.is_error():
            return False
        allowed = self._allowed()
        allowed[ends] = False
        return bool(allowed.any())

    def apply(self, logits: npt.NDArray[np.float32]) -> None:
        """Set the logits of every token that may not come next to minus infinity, in place. Shape (vocab_size,)."""
        logits[~self._allowed()] = -np.inf

    def _allowed(self) -> npt.NDArray[np.bool_]:
        llguidance.numpy.fill_next_token_bitmask(self._matcher, self._bits)
        little_endian = self._bits.astype("<i4", copy=False).view(np.uint8)
        bits = np.unpackbits(little_endian, count=self._vocab_size, bitorder="little", axis=None)
        return bits.view(np.bool_)

    def accept(self, token: int) -> None:
        """Move on by the sampled token. Raises NativeError when it does not belong to the language."""
        if not self._matcher.consume_token(token):
            raise NativeError(f"the constraint failed: {self._matcher.get_error() or 'the token does not fit'}")


def _grammar(constraint: Constraint) -> str:
    if constraint.kind == "lark":
        return llguidance.LLMatcher.grammar_from_lark(constraint.text)
    if constraint.kind == "regex":
        return llguidance.LLMatcher.grammar_from_regex(constraint.text)
    schema = json.loads(constraint.text) if constraint.kind == "json_schema" else {"type": "object"}
    return llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=_JSON_FORM)
