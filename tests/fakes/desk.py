"""An engine stepped by hand, over a backend that keeps books."""

from dataclasses import fields

from fakes.backend import FakeBackend
from labkit.engine.engine import Engine
from labkit.engine.types import EngineConfig, GenerationRequest


class Desk:
    """An engine stepped by hand, and what it said."""

    def __init__(self, **sizes):
        names = {field.name for field in fields(EngineConfig)} - {"context_tokens", "num_slots", "batch_tokens"}
        config = EngineConfig(**{name: sizes.pop(name) for name in list(sizes) if name in names})
        parts = {name: sizes.pop(name, None) for name in ("proposals", "tiers")}
        self.now = 0.0
        self.backend = FakeBackend(**sizes)
        self.events = []
        self.engine = Engine(
            self.backend, self.events.extend, config=config, clock=self.clock, check_integrity=True, **parts
        )

    def clock(self):
        return self.now + self.backend.spent

    def submit(self, request_id, prompt, **fields):
        self.engine.submit(GenerationRequest(request_id, tuple(prompt), **fields))

    def burst(self, names, prompt, **fields):
        for name in names:
            self.submit(name, prompt, **fields)

    def run(self, limit=500):
        for _ in range(limit):
            self.engine.step()
            if not self.engine.stats().num_running and not self.engine.stats().num_waiting:
                return
        raise AssertionError("the engine does not come to an end")

    def text(self, request_id):
        return "".join(event.text for event in self.events if event.request_id == request_id)

    def last(self, request_id):
        (last,) = [event for event in self.events if event.request_id == request_id and event.is_last]
        assert [event for event in self.events if event.request_id == request_id][-1] is last
        return last

    def spans(self, request_id):
        """(start, tokens, draft) of every span that was computed for a request."""
        every = [span for plan in self.backend.plans for span in plan.spans]
        return [
            (span.start, span.num_tokens, span.draft)
            for span in every
            if span.sequence.request.request_id == request_id
        ]

    def computed(self):
        """Tokens of all forwards that succeeded."""
        return sum(plan.num_tokens for plan in self.backend.plans)
