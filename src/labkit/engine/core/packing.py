"""Which inputs of embedding and rerank requests share a forward. Pure: no clock, no threads, no native code."""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PackedInput:
    """Input number `index` of a request."""

    request_id: str
    index: int
    num_tokens: int


class Packer:
    """Inputs that wait for a forward. Modifies itself.

    Requests take turns input by input, and each forward is led by the next request in turn, whose longest input always
    enters: no request waits longer than one forward of each other one, however many inputs that has. Within a request
    the longest input that fits goes first, so that the short ones fill what is left.
    """

    def __init__(self, *, batch_tokens: int, max_inputs: int) -> None:
        """`batch_tokens` and `max_inputs` bound a forward; an input longer than `batch_tokens` gets one of its own."""
        self._batch_tokens = batch_tokens
        self._max_inputs = max_inputs
        self._turns: deque[str] = deque()
        # By request: (length, -index), ascending, so that bisect finds the longest one that fits.
        self._waiting: dict[str, list[tuple[int, int]]] = {}
        self.waiting_tokens = 0

    def __bool__(self) -> bool:
        return bool(self._turns)

    def add(self, request_id: str, lengths: Sequence[int]) -> None:
        """Let a request's inputs wait, given their lengths in tokens (at least one each)."""
        self._waiting[request_id] = sorted((length, -index) for index, length in enumerate(lengths))
        self._turns.append(request_id)
        self.waiting_tokens += sum(lengths)

    def remove(self, request_id: str) -> None:
        """Forget what still waits of a request. Harmless when nothing does."""
        inputs = self._waiting.pop(request_id, None)
        if inputs is not None:
            self._turns.remove(request_id)
            self.waiting_tokens -= sum(length for length, _ in inputs)

    def next_forward(self) -> tuple[PackedInput, ...]:
        """Take the inputs of the next forward; empty when none waits."""
        order = list(self._turns)
        self._turns.rotate(-1)
        chosen: list[PackedInput] = []
        room = self._batch_tokens
        took_one = True
        while took_one:
            took_one = False
            for request_id in order:
                if len(chosen) < self._max_inputs and (taken := self._take(request_id, room, leads=not chosen)):
                    chosen.append(taken)
                    room -= taken.num_tokens
                    took_one = True
        return tuple(chosen)

    def _take(self, request_id: str, room: int, *, leads: bool) -> PackedInput | None:
        inputs = self._waiting.get(request_id)
        if not inputs:
            return None
        position = len(inputs) if leads else bisect_right(inputs, (room, 0))
        if position == 0:
            return None
        length, index = inputs.pop(position - 1)
        self.waiting_tokens -= length
        if not inputs:
            self.remove(request_id)
        return PackedInput(request_id, -index, length)
