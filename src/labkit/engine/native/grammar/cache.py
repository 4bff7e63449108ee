"""What was compiled lately, so that the second request with one constraint waits for nothing."""

import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass

import llguidance

from labkit.engine.types import Constraint, ConstraintKind
from labkit.errors import InvalidRequestError

MAX_BYTES = 128 << 20
_BYTES_EACH = 64 << 10
_BYTES_PER_CHARACTER = 400
"""Of compiled grammar per character of text, at most; measured on object schemas, the largest ones."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled grammar in its first state, to be copied, or why there is none."""

    matcher: llguidance.LLMatcher | None
    refusal: InvalidRequestError | None = None

    def refusal_for(self, param: str) -> InvalidRequestError:
        """The refusal, for a request whose constraint came from the field `param`."""
        refusal = self.refusal or InvalidRequestError("the constraint cannot be honoured")
        return InvalidRequestError(refusal.message, param=param, code=refusal.code, hint=refusal.hint)


class CompiledCache:
    """Compilations, finished and running, by kind and text; those used least recently go first.

    Any thread may use it.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()  # guards the three above and below
        self._found: OrderedDict[tuple[ConstraintKind, str], Future[Compiled]] = OrderedDict()

    def get(self, constraint: Constraint) -> tuple[Future[Compiled], bool]:
        """(future, is new): a new one is the caller's to complete."""
        key = (constraint.kind, constraint.text)
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
                return found, False
            future = self._found[key] = Future()
            self._bytes += _estimated_bytes(constraint.text)
            while self._bytes > self._max_bytes and len(self._found) > 1:
                (_, text), _ = self._found.popitem(last=False)
                self._bytes -= _estimated_bytes(text)
            return future, True

    def forget(self, constraint: Constraint) -> None:
        """Drop an entry that says nothing about the constraint; it may be absent."""
        with self._lock:
            if self._found.pop((constraint.kind, constraint.text), None) is not None:
                self._bytes -= _estimated_bytes(constraint.text)


def _estimated_bytes(text: str) -> int:
    # llguidance does not tell; refusals cost less than this.
    return _BYTES_EACH + _BYTES_PER_CHARACTER * len(text)
