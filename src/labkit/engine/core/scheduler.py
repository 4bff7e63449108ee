"""Who runs, and what the next forward computes. Pure: no clock, no threads, no native code.

Admission is by KV cells: a request enters when a slot is free and its prompt plus its expected output fit beside
what the others have reserved. Decode comes first in every batch, so running streams never wait behind a prompt;
the rest of the budget is shared evenly among the prompts, so a short one is not stuck behind a long one.
"""

from collections import deque

from labkit.engine.core.plan import BatchPlan, Span
from labkit.engine.core.sequence import Sequence
from labkit.engine.core.slots import Slots

EXPECTED_TOKENS = 256
"""Output reserved for a request that names no max_tokens; growth beyond it may cost a preemption."""


class Scheduler:
    """State of waiting and running sequences, and the decisions on it. One loop owns it."""

    def __init__(self, *, num_slots: int, num_cells: int, batch_tokens: int) -> None:
        self.num_cells = num_cells
        self.batch_tokens = batch_tokens
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self._slots = Slots(num_slots)

    @property
    def cells_in_use(self) -> int:
        """KV cells that hold computed tokens."""
        return sum(sequence.num_computed for sequence in self.running)

    def add(self, sequence: Sequence) -> None:
        """Put a sequence at the end of the queue."""
        self.waiting.append(sequence)

    def admit(self) -> list[Sequence]:
        """Move waiting sequences into slots, in order of arrival, while they fit. Returns them."""
        admitted: list[Sequence] = []
        while self.waiting and self._slots.num_free:
            sequence = self.waiting[0]
            cells = min(self.num_cells, len(sequence.tokens) + self._expected_output(sequence))
            if self.running and self._reserved() + cells > self.num_cells:
                break
            self.waiting.popleft()
            sequence.slot = self._slots.acquire()
            sequence.reserved_cells = cells
            self.running.append(sequence)
            admitted.append(sequence)
        return admitted

    def preempt_for_room(self) -> list[tuple[Sequence, int]]:
        """Take cells back from the youngest sequences until every decoding one can grow by a token.

        Returns (sequence, the slot it lost); it waits at the head of the queue with all its tokens and is computed
        again later, so that its text is the same as if it had never been interrupted.
        """
        preempted: list[tuple[Sequence, int]] = []
        while len(self.running) > 1 and self.cells_in_use + self._num_decoding() > self.num_cells:
            victim = self.running[-1]
            slot = self._leave(victim)
            victim.num_computed = 0
            self.waiting.appendleft(victim)
            preempted.append((victim, slot))
        return preempted

    def plan(self) -> BatchPlan:
        """The next forward: one token of every decoding sequence, then prompt chunks in the room that is left."""
        decoding = [sequence for sequence in self.running if sequence.phase == "decode"]
        spans = [Span(sequence, sequence.num_computed, 1, wants_logits=True) for sequence in decoding]
        room = min(self.batch_tokens, self.num_cells - self.cells_in_use) - len(spans)
        prompts = [sequence for sequence in self.running if sequence.phase == "prefill"]
        for sequence, size in _shares(prompts, room):
            last = size == sequence.num_pending
            spans.append(Span(sequence, sequence.num_computed, size, wants_logits=last))
        return BatchPlan(tuple(spans))

    def commit(self, plan: BatchPlan) -> None:
        """Note what a forward has computed."""
        for span in plan.spans:
            span.sequence.num_computed += span.num_tokens

    def remove(self, sequence: Sequence) -> int | None:
        """Take a sequence out, wherever it is. Returns the slot it held."""
        if sequence.slot is None:
            self.waiting.remove(sequence)
            return None
        return self._leave(sequence)

    def check_integrity(self) -> None:
        """Raise RuntimeError when slots or cells do not add up. Cheap; tests run it after every step."""
        held = [sequence.slot for sequence in self.running]
        if len(set(held)) != len(held) or len(held) + self._slots.num_free != self._slots.count:
            raise RuntimeError(f"slots do not add up: held {held}, free {self._slots.num_free}")
        if self.cells_in_use > self.num_cells:
            raise RuntimeError(f"{self.cells_in_use} cells in use of {self.num_cells}")
        if any(sequence.slot is not None for sequence in self.waiting):
            raise RuntimeError("a waiting sequence holds a slot")

    def _leave(self, sequence: Sequence) -> int:
        self.running.remove(sequence)
        slot = sequence.slot
        if slot is None:
            raise RuntimeError("a running sequence without a slot")
        sequence.slot, sequence.reserved_cells = None, 0
        self._slots.release(slot)
        return slot

    def _expected_output(self, sequence: Sequence) -> int:
        wanted = sequence.request.max_tokens
        return EXPECTED_TOKENS if wanted is None else max(wanted - sequence.num_generated, 1)

    def _reserved(self) -> int:
        return sum(max(sequence.reserved_cells, len(sequence.tokens)) for sequence in self.running)

    def _num_decoding(self) -> int:
        return sum(sequence.phase == "decode" for sequence in self.running)


def _shares(prompts: list[Sequence], room: int) -> list[tuple[Sequence, int]]:
    """Split `room` tokens among prompts, shortest first, so that what a short one leaves goes to the others."""
    shares: list[tuple[Sequence, int]] = []
    by_length = sorted(prompts, key=lambda sequence: sequence.num_pending)
    for index, sequence in enumerate(by_length):
        size = min(sequence.num_pending, room // (len(by_length) - index))
        if size > 0:
            shares.append((sequence, size))
            room -= size
    return shares
