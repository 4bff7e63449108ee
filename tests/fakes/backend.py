"""A backend without a model: each sequence counts up from its last prompt token, and misuse raises."""

from labkit.engine.core.plan import BatchPlan
from labkit.engine.types import GenerationRequest
from labkit.errors import ForwardError, InvalidRequestError


class FakeBackend:
    """Token n is the text "n "; a token that is a multiple of 1,000 ends the generation."""

    def __init__(self, *, context_tokens=64, num_slots=4, batch_tokens=16):
        self.context_tokens = context_tokens
        self.sequence_tokens = context_tokens
        self.num_slots = num_slots
        self.batch_tokens = batch_tokens
        self.plans: list[BatchPlan] = []
        self.batch_sizes: list[int] = []
        self.cells: dict[int, list[int]] = {}
        self.opened: dict[str, int] = {}
        self.fail_next_forward = False
        self._rows: dict[int, int] = {}

    def prepare(self):
        pass

    def open(self, request: GenerationRequest):
        if request.constraint is not None and request.constraint.text == "broken":
            raise InvalidRequestError("a broken grammar", param="response_format")
        self.opened[request.request_id] = 0

    def forward(self, plan: BatchPlan):
        if self.fail_next_forward:
            self.fail_next_forward = False
            raise ForwardError("out of luck")
        assert 0 < plan.num_tokens <= self.batch_tokens
        self.plans.append(plan)
        self.batch_sizes.append(plan.num_tokens)
        self._rows = {}
        end = 0
        for span in plan.spans:
            cells = self.cells.setdefault(span.sequence.slot, [])
            assert len(cells) == span.start, "a hole in the cells of a sequence"
            cells.extend(span.sequence.tokens[span.start : span.start + span.num_tokens])
            end += span.num_tokens
            if span.wants_logits:
                self._rows[end - 1] = cells[-1] + 1
        assert sum(map(len, self.cells.values())) <= self.context_tokens, "more cells than there are"

    def sample(self, request_id: str, row: int):
        self.opened[request_id] += 1
        return self._rows[row], None

    def free_cells(self, slot: int):
        self.cells.pop(slot, None)

    def close(self, request_id: str):
        self.opened.pop(request_id, None)

    def piece(self, token: int):
        return f"{token} ".encode()

    def is_end(self, token: int):
        return token % 1000 == 0
