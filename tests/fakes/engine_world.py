"""An engine over a backend that keeps books, and a memory of everything that was asked of it.

The backend raises when a cell is used for another text, adapter set or tenant; the engine checks its own books after
every step; `settle` lets everything end and compares.
"""

from dataclasses import dataclass
from itertools import pairwise

from fakes.backend import FakeBackend
from fakes.proposals import GuessingProposals
from fakes.tiers import DictTiers
from labkit.engine.engine import Engine
from labkit.engine.types import AdapterUse, Constraint, EngineConfig, GenerationRequest
from labkit.errors import InvalidRequestError

ADAPTERS = ((), (AdapterUse("a"),), (AdapterUse("b", 0.5),), (AdapterUse("a"), AdapterUse("b")))
LANES = ("interactive", "normal", "batch")
MEMORIES = ("attention", "window", "recurrent")


@dataclass
class Size:
    cells: int = 128
    max_running: int = 4
    cached: int = 4
    batch_tokens: int = 32
    memory: str = "attention"
    drafts: bool = False
    tiers: bool = False
    cache_bytes: int | None = None
    audit: float = 0.0


class World:
    def __init__(self, size: Size):
        self.now = 0.0
        self.files = 0
        self.audits = size.audit > 0
        self.events = []
        self.sent: dict[str, GenerationRequest] = {}
        self.disturbed: set[str] = set()
        attention = size.memory == "attention"
        self.backend = FakeBackend(
            context_tokens=size.cells,
            num_slots=size.max_running + size.cached,
            max_running=size.max_running,
            batch_tokens=size.batch_tokens,
            max_logits=min(size.batch_tokens, size.max_running + size.cached + 5),
            forks_anywhere=attention,
            can_rewind=size.memory != "recurrent",
        )
        self.engine = Engine(
            self.backend,
            self.events.extend,
            config=EngineConfig(cache_bytes=size.cache_bytes, audit_share=size.audit, max_waiting=1000),
            proposals=GuessingProposals() if size.drafts else None,
            tiers=DictTiers(whole_only=not attention) if size.tiers else None,
            clock=self.clock,
            check_integrity=True,
        )
        for name in ("a", "b"):
            self.backend.load_adapter(name, name)

    def clock(self):
        self.now += 0.01
        return self.now

    def submit(self, *, family=0, shared=0, own=1, copies=1, broken=False, stop_at=None, **fields):
        beginning = range(1000 * family + 1, 1000 * family + shared + 1)
        number = len(self.sent)
        start = 1000 * (10 + number) + 1
        for copy in range(copies):
            request = GenerationRequest(
                f"{number}#{copy}",
                (*beginning, *range(start, start + own)),
                ignore_eos=True,
                stop_token_ids=() if stop_at is None else (start + own - 1 + stop_at,),
                constraint=Constraint("lark", "broken") if broken else None,
                **fields,
            )
            self.sent[request.request_id] = request
            self.engine.submit(request)
            unknown = any(use.name not in self.backend.adapters for use in request.adapters)
            contradicts = request.max_tokens is not None and request.min_tokens > request.max_tokens
            if broken or unknown or contradicts or len(request.prompt) >= self.backend.sequence_tokens:
                self.disturbed.add(request.request_id)

    def step(self, times=1):
        for _ in range(times):
            self.engine.step()
        ended = [event.request_id for event in self.events if event.is_last]
        assert len(ended) == len(set(ended)), "a request ended twice"

    def cancel(self, name):
        self.disturbed.add(name)
        self.engine.cancel(name)

    def toggle_adapter(self, name):
        """Unload it, or load another file under its name: no cell of the old one may serve the new one."""
        self.engine.step()  # whoever was sent is in
        if name not in self.backend.adapters:
            self.files += 1
            self.backend.load_adapter(name, f"{name}{self.files}")
            return
        used = any(use.name == name for request in self.open_requests() for use in request.adapters)
        try:
            self.engine._loop.unload_adapter(name)
        except InvalidRequestError:
            assert used or self.audits
        else:
            assert not used, "an adapter was taken from under a request"

    def open_requests(self):
        ended = {event.request_id for event in self.events if event.is_last}
        return [request for name, request in self.sent.items() if name not in ended]

    def lose_a_window(self):
        """The next forward is interrupted, and what it began cannot be taken back."""
        self.backend.lose_next_window = self.backend.interrupt_next_forward = True
        self.engine.step()
        self.backend.lose_next_window = False

    def fail_a_forward(self):
        self.backend.fail_next_forward = True
        self.engine.step()
        # A lone sequence cannot be told from the one to blame.
        self.disturbed |= {event.request_id for event in self.events if event.error is not None}

    def poison(self, name):
        """Every forward with this request fails from now on."""
        self.disturbed.add(name)
        self.backend.poisoned.add(name)

    def settle(self):
        self.backend.interrupt_next_forward = self.backend.fail_next_forward = False
        for _ in range(20_000):
            self.engine.step()
            stats = self.engine.stats()
            if not stats.num_running and not stats.num_waiting:
                break
        ended = [event.request_id for event in self.events if event.is_last]
        assert sorted(ended) == sorted(self.sent), "not every request ended once"
        assert not self.backend.opened
        assert self.backend.used == self.engine.stats().cached_cells
        assert self.engine.stats().counters.audit_failures == 0
        for name, request in self.sent.items():
            if name not in self.disturbed:
                assert self._text(name) == self._expected(request), name
                self._check_events(request)

    def _check_events(self, request):
        events = [event for event in self.events if event.request_id == request.request_id]
        tokens = [token for event in events for token in event.tokens]
        logprobs = [each.token for event in events for each in event.logprobs]
        assert logprobs == (tokens if request.logprobs is not None else [])
        scores = [(each.token, each.logprob) for each in events[0].prompt_logprobs]
        prompt = request.prompt
        wanted = [(token, -float(before)) for before, token in pairwise(prompt)]
        assert scores == (wanted if request.prompt_logprobs is not None else [])
        assert not any(event.prompt_logprobs for event in events[1:])
        assert events[-1].is_last
        assert events[-1].stop_cause in ("max_tokens", "context_full", "stop_token")
        self._check_company(request.request_id, events[-1])
        usage = events[-1].usage
        assert usage.completion_tokens == len(tokens)
        assert usage.cached_tokens < len(request.prompt)
        assert not (request.prompt_logprobs is not None and usage.cached_tokens)
        assert request.reuse or not usage.cached_tokens
        assert usage.accepted_tokens <= usage.drafted_tokens

    def _check_company(self, name, last):
        company = last.company
        assert company.num_forwards >= 1
        assert 1 <= company.mean_batch <= company.most + 1
        assert name not in company.request_ids
        assert len(company.request_ids) <= 16
        assert (not company.request_ids) == (company.most == 0)

    def _text(self, name):
        return "".join(event.text for event in self.events if event.request_id == name)

    def _expected(self, request):
        count = self.backend.sequence_tokens - len(request.prompt)
        if request.max_tokens is not None:
            count = min(count, request.max_tokens)
        last = request.prompt[-1]
        for stop in request.stop_token_ids:
            if request.min_tokens < stop - last <= count:
                count = stop - last - 1
        return "".join(f"{last + n} " for n in range(1, count + 1))
