"""A backend without a model: each sequence counts up from its last token, and every misuse raises.

It keeps real books of cells: a cell remembers token, adapters and tenant, may belong to several slots, and counts once.
"""

import ast
from dataclasses import dataclass, field

import numpy as np

from labkit.engine.core.plan import BatchPlan
from labkit.engine.types import GenerationRequest, TokenLogprob
from labkit.errors import ForwardError, ForwardInterruptedError, InvalidRequestError


@dataclass(eq=False)
class Cell:
    token: int
    adapters: tuple
    tenant: str
    slots: set[int] = field(default_factory=set)


class FakeBackend:
    """Token n is the text "n "; a token that is a multiple of 1,000 ends the generation."""

    vocab_size = 16

    def __init__(
        self,
        *,
        context_tokens=64,
        num_slots=4,
        max_running=None,
        batch_tokens=16,
        max_logits=None,
        forks_anywhere=True,
        can_rewind=True,
    ):
        self.context_tokens = context_tokens
        self.sequence_tokens = context_tokens
        self.num_slots = num_slots
        self.max_running = max_running or num_slots
        self.batch_tokens = batch_tokens
        self.max_logits = max_logits or batch_tokens
        self.scoring_tokens = min(self.max_logits, 24)
        self.cell_bytes = 10
        self.forks_anywhere = forks_anywhere
        self.can_rewind = can_rewind
        self.plans: list[BatchPlan] = []
        self.batch_sizes: list[int] = []
        self.cells: dict[int, list[Cell]] = {}
        self.opened: dict[str, int] = {}
        self.asks_logprobs: set[str] = set()
        self.early: dict[str, int] = {}
        self.unreadable: set[str] = set()
        self.control: set[int] = set()
        self.adapters: dict[str, str] = {}
        self.forced: dict[str, tuple[int, ...]] = {}
        self.fail_next_forward = False
        self.poisoned: set[str] = set()
        self.speechless: set[str] = set()
        self.interrupt_next_forward = False
        self.lose_next_window = False
        self.interrupts = 0
        self.seconds = None  # of a forward, by its tokens
        self.spent = 0.0
        self.noise = 0.0
        self._rows: dict[int, int] = {}
        self._row_owner: dict[int, str] = {}

    def prepare(self):
        pass

    def open(self, request: GenerationRequest):
        if request.constraint is not None and request.constraint.text == "broken":
            raise InvalidRequestError("a broken grammar", param="response_format")
        assert request.request_id not in self.opened
        self.opened[request.request_id] = 0
        self.early[request.request_id] = request.min_tokens
        if request.logprobs is not None:
            self.asks_logprobs.add(request.request_id)

    def forward(self, plan: BatchPlan):
        assert 0 < plan.num_tokens <= self.batch_tokens
        assert plan.num_logits <= self.max_logits
        failed = self.fail_next_forward or any(span.sequence.request.request_id in self.poisoned for span in plan.spans)
        self._rows, self._row_owner = {}, {}
        end = 0
        for span in plan.spans:
            assert span.sequence.request.adapters == plan.adapters, "a sequence under foreign adapters"
            self._write(span, self._digests(plan.adapters))
            end += span.length
            tokens = self.tokens(span.sequence.slot)
            for row in range(end - span.num_logits, end):
                self._rows[row] = tokens[row - end] + 1
                self._row_owner[row] = span.sequence.request.request_id
        assert self.used <= self.context_tokens, "more cells than there are"
        if self.interrupt_next_forward:
            self.interrupt_next_forward = False
            raise ForwardInterruptedError("interrupted")
        if failed:
            self.fail_next_forward = False
            raise ForwardError("out of luck")
        self.spent += self.seconds(plan.num_tokens) if self.seconds else 0.0
        self.plans.append(plan)
        self.batch_sizes.append(plan.num_tokens)

    def _write(self, span, adapters):
        sequence = span.sequence
        assert 0 <= sequence.slot < self.num_slots
        cells = self.cells.setdefault(sequence.slot, [])
        assert len(cells) == span.start, "a hole in the cells of a sequence"
        known = sequence.tokens[span.start : span.start + span.num_tokens]
        assert self.tokens(sequence.slot) == sequence.tokens[: span.start], "cells of another text"
        for cell in cells:
            assert (cell.adapters, cell.tenant) == (adapters, sequence.request.tenant), "cells of another identity"
        for token in [*known, *span.draft]:
            cells.append(Cell(token, adapters, sequence.request.tenant, {sequence.slot}))

    def _digests(self, adapters):
        return tuple(sorted((self.adapters[use.name], use.scale) for use in adapters))

    def tokens(self, slot: int):
        return [cell.token for cell in self.cells.get(slot, [])]

    @property
    def used(self):
        return len({id(cell) for cells in self.cells.values() for cell in cells})

    def interrupt(self):
        self.interrupts += 1

    def sample(self, request_id: str, row: int):
        assert self._row_owner[row] == request_id
        if request_id in self.speechless:
            raise InvalidRequestError("a constraint that leads nowhere")
        self.opened[request_id] += 1
        token = self._rows[row]
        if self.opened[request_id] <= self.early[request_id] and self.is_end(token):
            token += 1
        return token, TokenLogprob(token, -0.5) if request_id in self.asks_logprobs else None

    def prompt_logprobs(self, row, tokens, num_top):
        """Each one's log-probability is the token before it, so that none can be taken for another."""
        found = []
        for place, token in enumerate(tokens, start=row):
            if self._row_owner[place] in self.unreadable:
                raise ForwardError("logits that are no numbers")
            before = self._rows[place] - 1
            found.append(TokenLogprob(token, -float(before), ((before + 1, 0.0),) * num_top))
        return found

    def logits(self, row: int):
        logits = np.zeros(self.vocab_size, np.float32)
        logits[self._rows[row] % self.vocab_size] = 5.0 + self.noise
        return logits

    def forced_tokens(self, request_id: str):
        return self.forced.get(request_id, ())

    def copy_cells(self, source: int, target: int, end: int):
        assert not self.cells.get(target), "the target of a copy is not empty"
        cells = self.cells[source]
        assert end <= len(cells)
        assert self.forks_anywhere or end == len(cells), "this model can only copy whole sequences"
        for cell in cells[:end]:
            cell.slots.add(target)
        self.cells[target] = cells[:end]

    def free_cells(self, slot: int, start: int = 0):
        cells = self.cells.get(slot, [])
        keeps = start in (0, len(cells)) or (self.can_rewind and start < len(cells))
        if self.lose_next_window and 0 < start < len(cells):
            self.lose_next_window = keeps = False
        self.cells[slot] = cells[:start] if keeps else []
        return keeps

    def save_cells(self, slot: int):
        return repr([(cell.token, cell.adapters, cell.tenant) for cell in self.cells[slot]]).encode()

    def load_cells(self, slot: int, state: bytes):
        assert not self.cells.get(slot), "the target of a load is not empty"
        if not state.startswith(b"["):
            return False
        saved = ast.literal_eval(state.decode())
        self.cells[slot] = [Cell(token, adapters, tenant, {slot}) for token, adapters, tenant in saved]
        return True

    def adapter_digest(self, name: str):
        if name not in self.adapters:
            raise InvalidRequestError(f"there is no adapter '{name}'", param="model")
        return self.adapters[name]

    def load_adapter(self, name: str, path):
        self.adapters[name] = f"digest of {path}"

    def unload_adapter(self, name: str):
        self.adapter_digest(name)
        del self.adapters[name]

    def close(self, request_id: str):
        self.opened.pop(request_id, None)
        self.asks_logprobs.discard(request_id)

    def piece(self, token: int, *, with_control=False):
        return b"" if token in self.control and not with_control else f"{token} ".encode()

    def is_end(self, token: int):
        return token % 1000 == 0
