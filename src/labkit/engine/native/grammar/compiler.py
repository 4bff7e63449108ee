"""Compiles constraints into masks: in threads of its own, within limits, and each one once."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import llguidance
import numpy as np

from labkit.engine.native.grammar.cache import Compiled, CompiledCache
from labkit.engine.native.grammar.language import write_grammar
from labkit.engine.native.grammar.mask import TokenMask
from labkit.engine.native.grammar.refusals import not_honoured, too_complex
from labkit.engine.native.grammar.vocabulary import read_vocabulary
from labkit.engine.native.model import NativeModel
from labkit.engine.types import Constraint
from labkit.errors import InvalidRequestError, NativeError, QueueFullError

COMPILE_SECONDS = 1.0
"""Longest that a caller waits for one compilation, once it has begun."""
_COMPILERS = 2
_MASKERS = 2
_STACK_BYTES = 128 << 20
"""llguidance walks rules by recursion: some thousand chained ones overflow a stack of 8 MiB and kill the process."""
_LIMITS = llguidance.LLParserLimits(
    initial_lexer_fuel=300_000, step_max_items=20_000, max_items_in_row=5_000, verbose_errors=False
)
"""With these, the slowest mask that was found takes some 0.3 s instead of 2 s, and 60 MB instead of 200 MB."""


class GrammarCompiler:
    """Masks for one vocabulary; reading the vocabulary (up to a second) is put off until first used.

    A caller that must not wait, such as the engine's loop, lets another thread compile the same constraint before:
    the second time takes microseconds.
    """

    def __init__(self, model: NativeModel) -> None:
        self._model = model
        self._reading = threading.Lock()  # so that the vocabulary is read once
        self._tokenizer: llguidance.LLTokenizer | None = None
        self._ends: tuple[int, ...] = ()
        self._cache = CompiledCache()
        self._maskers = ThreadPoolExecutor(_MASKERS, thread_name_prefix="labkit-mask")
        self._free_compilers = threading.BoundedSemaphore(_COMPILERS)

    def compile(self, constraint: Constraint) -> TokenMask:
        """A fresh mask for one sequence. Any thread may call.

        Blocks for `COMPILE_SECONDS` at most (twice that while every compiler is busy), and the very first time for as
        long as it takes to read the vocabulary besides.

        Raises InvalidRequestError for a constraint that cannot be honoured or is too complex, QueueFullError while
        other compilations take up every compiler.
        """
        tokenizer = self._vocabulary(constraint.param)
        result, is_new = self._cache.get(constraint)
        if is_new:
            self._start(constraint, tokenizer, result)
        try:
            compiled = result.result(COMPILE_SECONDS)
        except TimeoutError:
            raise too_complex(constraint.param, f"it was not compiled after {COMPILE_SECONDS:g} s") from None
        if compiled.matcher is None:
            raise compiled.refusal_for(constraint.param)
        return TokenMask(compiled.matcher.deep_copy(), self._model.vocab_size, self._maskers, param=constraint.param)

    def close(self) -> None:
        """Wait for everything that still uses the model's vocabulary; call it before the model is closed."""
        for _ in range(_COMPILERS):
            self._free_compilers.acquire()
        self._maskers.shutdown()

    def _start(self, constraint: Constraint, tokenizer: llguidance.LLTokenizer, result: Future[Compiled]) -> None:
        """Compile in a new thread, as soon as one may be started."""
        if not self._free_compilers.acquire(timeout=COMPILE_SECONDS):
            self._cache.forget(constraint)
            busy = QueueFullError("other constraints are being compiled", retry_after_seconds=1)
            result.set_exception(busy)
            return
        usual = threading.stack_size(_STACK_BYTES)
        try:
            threading.Thread(target=self._run, args=(constraint, tokenizer, result), name="labkit-grammar").start()
        except RuntimeError as error:
            self._cache.forget(constraint)
            self._free_compilers.release()
            result.set_exception(NativeError(f"no thread to compile in: {error}"))
        finally:
            threading.stack_size(usual)

    def _run(self, constraint: Constraint, tokenizer: llguidance.LLTokenizer, result: Future[Compiled]) -> None:
        try:
            compiled = Compiled(self._compile(constraint, tokenizer))
        except InvalidRequestError as refusal:
            compiled = Compiled(None, refusal)
        except BaseException as bug:  # noqa: BLE001 - a panic in Rust is one, and the waiting callers must hear of it
            self._cache.forget(constraint)
            result.set_exception(NativeError(f"the constraint could not be compiled: {bug}"))
            return
        finally:
            self._free_compilers.release()
        result.set_result(compiled)

    def _compile(self, constraint: Constraint, tokenizer: llguidance.LLTokenizer) -> llguidance.LLMatcher:
        try:
            grammar = write_grammar(constraint)
        except ValueError as error:  # from llguidance: half a character, a schema that is a number
            raise not_honoured(constraint.param, str(error)) from None
        matcher = llguidance.LLMatcher(tokenizer, grammar, log_level=0, limits=_LIMITS)
        if matcher.is_error():
            raise not_honoured(constraint.param, matcher.get_error())
        self._try_first_step(matcher, constraint.param)
        return matcher

    def _try_first_step(self, matcher: llguidance.LLMatcher, param: str) -> None:
        # Some grammars compile and still have no first token, such as a schema that is only a reference to itself.
        # Others have one, and more that is forced behind it than can be followed.
        mask = TokenMask(matcher, self._model.vocab_size, self._maskers, param=param)
        text = np.setdiff1d(mask.first_tokens(), self._ends)
        if not text.size:
            raise not_honoured(param, "")
        trial = TokenMask(matcher.deep_copy(), self._model.vocab_size, self._maskers, param=param)
        trial.accept(int((mask.forced_tokens() or text)[0]))

    def _vocabulary(self, param: str) -> llguidance.LLTokenizer:
        with self._reading:
            if self._tokenizer is None:
                self._ends = self._model.end_tokens
                if not self._ends:
                    raise not_honoured(param, "this model has no end token")
                self._tokenizer = read_vocabulary(self._model, self._ends)
            return self._tokenizer
