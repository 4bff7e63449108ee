"""plan -> forward -> sample -> commit: the state of an engine and one turn of it."""

import logging
from collections.abc import Callable, Iterable

from labkit.engine.audit import Auditor
from labkit.engine.capacity import cells_of_budget
from labkit.engine.company import Companions
from labkit.engine.core.backend import Backend
from labkit.engine.core.cost import CostModel
from labkit.engine.core.kv_cache import KvCache
from labkit.engine.core.moves import Copy, Drop, Identity, Move
from labkit.engine.core.plan import BatchPlan, Span
from labkit.engine.core.scheduler import Scheduler
from labkit.engine.core.sequence import Sequence
from labkit.engine.gate import Gate
from labkit.engine.pacing import prefill_tokens, worth_interrupting
from labkit.engine.proposals import Proposals
from labkit.engine.sampling import sample_span
from labkit.engine.slower_tiers import SlowerTiers
from labkit.engine.stats import Counters, EngineStats, snapshot
from labkit.engine.stream import Sampled, Stream
from labkit.engine.types import AdapterUse, EngineConfig, GenerationRequest, TokenEvent
from labkit.errors import ForwardInterruptedError, InvalidRequestError, LabkitError, NativeError

logger = logging.getLogger(__name__)


class Loop:
    """Everything one engine knows. One thread owns it, so there are no locks."""

    def __init__(
        self,
        backend: Backend,
        config: EngineConfig,
        *,
        proposals: Proposals | None,
        tiers: SlowerTiers | None,
        clock: Callable[[], float],
    ) -> None:
        self._backend = backend
        self._config = config
        self._clock = clock
        self._tiers = tiers
        self._proposals = proposals if backend.can_rewind else None
        self._cost = CostModel()
        self._auditor = Auditor(config.audit_share)
        self._counters = Counters()
        self._companions = Companions()
        self._scheduler = Scheduler(
            KvCache(
                num_slots=backend.num_slots,
                num_cells=backend.context_tokens,
                cached_cells=cells_of_budget(config.cache_bytes, backend.cell_bytes),
                forks_anywhere=backend.forks_anywhere,
                saves=tiers is not None,
            ),
            max_running=backend.max_running,
            batch_tokens=backend.batch_tokens,
            max_logits=backend.max_logits,
            scoring_tokens=backend.scoring_tokens,
        )
        self._gate = Gate(backend, config, self._scheduler)
        self._streams: dict[str, Stream] = {}
        self._events: list[TokenEvent] = []
        self._alone: list[Sequence] = []
        self._interruptible: frozenset[str] = frozenset()
        self._last_step = clock()

    @property
    def has_work(self) -> bool:
        """Whether a request runs or waits."""
        return bool(self._streams)

    def step(self) -> None:
        """One turn: plan, forward, sample, commit. Blocks for one forward."""
        self._expire()
        self._admit()
        plan = self._plan()
        if plan.spans and self._forward(plan):
            self._sample(plan)
        self._last_step = self._clock()

    def take_events(self) -> list[TokenEvent]:
        """The events since the last call."""
        events, self._events = self._events, []
        return events

    def stats(self) -> EngineStats:
        """A snapshot, from any thread."""
        return snapshot(self._scheduler, self._counters, self._last_step)

    def check_integrity(self) -> None:
        """Raise RuntimeError when slots or cells do not add up. For tests."""
        self._scheduler.check_integrity()

    def is_worth_interrupting(self, request_id: str) -> bool:
        """Whether a long forward is computing the prompt of this request. Any thread may ask."""
        return request_id in self._interruptible

    # What comes from the inbox

    def accept(self, request: GenerationRequest) -> None:
        """Put a request in the queue, or end it with an error."""
        try:
            self._gate.check(request)
            if request.request_id in self._streams:
                raise InvalidRequestError(f"request id '{request.request_id}' is already running", param="request_id")
            identity = self._identity(request)
        except LabkitError as error:
            self._events.append(TokenEvent(request.request_id, error=error))
            return
        self._enqueue(request, identity)

    def cancel(self, request_id: str) -> None:
        """End a request; unknown ids are ignored."""
        stream = self._streams.get(request_id)
        if stream is not None:
            self._finish(stream, TokenEvent(request_id, stream.flush(), finish_reason="cancelled"))

    def stop(self) -> None:
        """Cancel everything and refuse what comes. Finished sequences go to a tier that outlives the engine."""
        self._gate.is_closed = True
        for request_id in list(self._streams):
            self.cancel(request_id)
        if self._tiers is not None and self._tiers.outlives_engine:
            cache = self._scheduler.cache
            self._apply(cache.make_room(cache.num_cells))

    def abandon(self, error: LabkitError) -> None:
        """After a bug: the books are not to be trusted, but every client is told."""
        self._tiers = None
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            self._report_failure(stream, error)

    def unload_adapter(self, name: str) -> None:
        """See Engine.unload_adapter."""
        digest = self._backend.adapter_digest(name)
        if any(use.name == name for stream in self._streams.values() for use in stream.sequence.request.adapters):
            raise InvalidRequestError(f"adapter '{name}' is in use", hint="try again when its requests have ended")
        self._apply(self._scheduler.cache.forget(digest))
        self._backend.unload_adapter(name)

    def _enqueue(self, request: GenerationRequest, identity: Identity) -> None:
        sequence = Sequence(request, arrived=self._clock(), identity=identity)
        self._streams[request.request_id] = Stream(sequence)
        self._scheduler.add(sequence)

    def _identity(self, request: GenerationRequest) -> Identity:
        uses = sorted((self._backend.adapter_digest(use.name), use.scale) for use in request.adapters)
        return Identity(tuple(uses), request.tenant)

    # Plan

    def _expire(self) -> None:
        for sequence, error in self._gate.overdue(self._clock()):
            self._fail(sequence, error)

    def _admit(self) -> None:
        while (sequence := self._scheduler.next_to_admit(self._clock())) is not None:
            self._apply(self._scheduler.admit(sequence))
            if self._tiers is not None and sequence.num_shareable:
                self._restore(sequence, self._tiers)
            if sequence.admitted is None:  # otherwise it is back from a preemption: its sampler was kept
                self._open(sequence)

    def _open(self, sequence: Sequence) -> None:
        sequence.admitted = self._clock()
        try:
            self._backend.open(sequence.request)
        except LabkitError as error:
            self._fail(sequence, error)
        else:
            self._counters.count_admission(sequence.num_prompt, sequence.num_cached, sequence.cached_from)

    def _restore(self, sequence: Sequence, tiers: SlowerTiers) -> None:
        """Take the beginning from a slower tier where that has clearly more of it than the device."""
        found = tiers.find(sequence.identity, sequence.tokens, sequence.num_shareable, have=sequence.num_computed)
        if found is None:
            return
        slot, cache = sequence.held_slot, self._scheduler.cache
        self._apply(self._scheduler.start_over(sequence))
        self._apply(cache.make_room(found.num_stored))
        state = tiers.load(found) if cache.num_free >= found.num_stored else None
        if state is None:
            return
        if not self._backend.load_cells(slot, state):
            tiers.discard(found)
            return
        if found.num_stored > found.num_tokens:
            self._backend.free_cells(slot, found.num_tokens)
        self._scheduler.restore(sequence, found.num_tokens, found.tier)

    def _plan(self) -> BatchPlan:
        while self._alone and self._alone[0].slot is None:
            self._alone.pop(0)
        only = self._alone[0] if self._alone else None
        adapters = only.request.adapters if only else self._scheduler.choose_adapters()
        if self._proposals is not None and only is None:
            self._propose(self._proposals, adapters)
        tokens = self._prefill_tokens(adapters)
        waiting = len(self._scheduler.waiting)
        self._apply(self._scheduler.make_room(adapters, tokens))
        self._counters.preemptions += len(self._scheduler.waiting) - waiting
        if only is not None and only.slot is None:
            return BatchPlan()
        return self._scheduler.plan(adapters, tokens, only=only)

    def _prefill_tokens(self, adapters: tuple[AdapterUse, ...]) -> int:
        return prefill_tokens(
            self._scheduler.running,
            adapters,
            self._cost,
            batch_tokens=self._backend.batch_tokens,
            itl_target_seconds=self._config.itl_target_seconds,
        )

    def _propose(self, proposals: Proposals, adapters: tuple[AdapterUse, ...]) -> None:
        decoding = [
            sequence
            for sequence in self._scheduler.running
            if sequence.phase == "decode" and sequence.request.adapters == adapters
        ]
        for sequence in decoding:
            request = sequence.request
            forced = self._backend.forced_tokens(request.request_id) if request.constraint else ()
            draft = proposals.propose(sequence, forced, len(decoding), self._cost.seconds)
            sequence.draft = draft[: max(self._backend.sequence_tokens - len(sequence.tokens) - 1, 0)]

    def _apply(self, moves: Iterable[Move]) -> None:
        for move in moves:
            if isinstance(move, Copy):
                self._backend.copy_cells(move.source, move.target, move.num_tokens)
            elif isinstance(move, Drop):
                self._backend.free_cells(move.slot, move.start)
            elif self._tiers is not None:
                self._tiers.save(move.identity, move.tokens, self._backend.save_cells(move.slot))

    # Forward

    def _forward(self, plan: BatchPlan) -> bool:
        self._interruptible = worth_interrupting(plan, self._cost, can_rewind=self._backend.can_rewind)
        started = self._clock()
        try:
            self._backend.forward(plan)
        except NativeError as error:
            self._take_back(plan, error)
            return False
        finally:
            self._interruptible = frozenset()
        self._cost.observe(plan.num_tokens, self._clock() - started)
        self._counters.num_steps += 1
        self._counters.num_sequences += len(plan.spans)
        self._companions.note([span.sequence for span in plan.spans])
        return True

    def _take_back(self, plan: BatchPlan, error: NativeError) -> None:
        """Undo what a failed forward may have written. One sequence may fail by it, never all.

        After a failure each sequence of the batch goes alone, and the one that fails alone ends with the error.
        """
        for span in plan.spans:
            span.sequence.draft = ()
            self._rewind(span.sequence, span.start)
        if isinstance(error, ForwardInterruptedError):
            self._counters.interruptions += 1
            return
        logger.error("a forward failed: %s (%s)", error, [span.sequence.request.request_id for span in plan.spans])
        if len(plan.spans) == 1:
            self._fail(plan.spans[0].sequence, error)
        else:
            self._alone = [span.sequence for span in plan.spans]

    # Sample and commit

    def _sample(self, plan: BatchPlan) -> None:
        for span, first in plan.placed():
            if span.scores and not self._score(span, first):
                continue
            if span.wants_logits:
                self._sample_span(span, first + span.num_tokens - 1)
            else:
                self._commit_prompt(span)
        if self._alone and plan.spans[0].sequence is self._alone[0]:
            self._alone.pop(0)

    def _score(self, span: Span, first: int) -> bool:
        """Read the log-probabilities of the prompt's tokens after those of `span`. False when the request is over."""
        sequence, request = span.sequence, span.sequence.request
        end = span.start + span.num_tokens
        successors = sequence.tokens[span.start + 1 : min(end + 1, sequence.num_prompt)]
        try:
            found = self._backend.prompt_logprobs(first, successors, request.prompt_logprobs or 0)
        except LabkitError as error:
            self._commit_cells(span, 0)
            self._fail(sequence, error)
            return False
        self._streams[request.request_id].take_scores(found)
        sequence.num_scored = end
        return True

    def _commit_prompt(self, span: Span) -> None:
        """Note a part of a prompt after which nothing is sampled: more of it follows, or no token is wanted."""
        sequence = span.sequence
        self._apply(self._scheduler.commit(span))
        if sequence.request.max_tokens == 0 and not sequence.num_pending:
            stream = self._streams[sequence.request.request_id]
            self._finish(stream, stream.end_after_prompt())

    def _sample_span(self, span: Span, row: int) -> None:
        sequence = span.sequence
        if self._config.audit_share:
            self._audit(sequence, row)
        try:
            sampled = sample_span(self._backend, span, row)
        except LabkitError as error:
            self._commit_cells(span, 0)
            self._fail(sequence, error)
            return
        num_accepted = len(sampled.tokens) - 1
        self._commit_cells(span, num_accepted)
        if self._proposals is not None:
            self._proposals.learn(sequence, len(span.draft), num_accepted, sampled.tokens)
        sequence.num_drafted += len(span.draft)
        sequence.num_accepted += num_accepted
        self._counters.drafted_tokens += len(span.draft)
        self._counters.accepted_tokens += num_accepted
        self._commit_text(self._streams[sequence.request.request_id], sampled)

    def _commit_cells(self, span: Span, num_accepted: int) -> None:
        self._apply(self._scheduler.commit(span, num_accepted))
        if num_accepted < len(span.draft):
            self._rewind(span.sequence, span.start + span.num_tokens + num_accepted)

    def _rewind(self, sequence: Sequence, start: int) -> None:
        """Drop native cells that the books do not know. Where that costs all of them, they are computed again."""
        if not (self._backend.can_rewind and self._backend.free_cells(sequence.held_slot, start)):
            self._apply(self._scheduler.preempt(sequence))

    def _commit_text(self, stream: Stream, sampled: Sampled) -> None:
        event = stream.take(sampled, self._backend)
        if stream.sequence.first_token is None:
            stream.sequence.first_token = self._clock()
            event = stream.first_event(event)
        self._counters.generated_tokens += len(event.tokens)
        if event.is_last:
            self._finish(stream, event)
        else:
            self._events.append(event)

    def _audit(self, sequence: Sequence, row: int) -> None:
        request = sequence.request
        if self._auditor.owns(request.request_id):
            verdict = self._auditor.judge(request.request_id, self._backend.logits(row))
            self._counters.audited += 1
            self._counters.audit_failures += not verdict.is_same
        elif sequence.first_token is None and sequence.num_cached and self._auditor.wants(request):
            self._enqueue(self._auditor.shadow(request, self._backend.logits(row)), sequence.identity)

    # The end of a request

    def _finish(self, stream: Stream, event: TokenEvent) -> None:
        now = self._clock()
        sequence = stream.sequence
        self._remove(sequence, keep=sequence.request.reuse)
        if self._auditor.forget(event.request_id):
            self._companions.forget(sequence)
            return
        self._counters.finished += 1
        if sequence.admitted is not None:
            self._gate.learn(now - sequence.admitted)
        self._events.append(stream.last_event(event, now, self._companions.take(sequence)))

    def _fail(self, sequence: Sequence, error: LabkitError) -> None:
        stream = self._streams[sequence.request.request_id]
        self._remove(sequence, keep=False)
        self._companions.forget(sequence)
        self._report_failure(stream, error)

    def _report_failure(self, stream: Stream, error: LabkitError) -> None:
        request_id = stream.sequence.request.request_id
        if not self._auditor.forget(request_id):
            self._counters.failed += 1
            self._events.append(TokenEvent(request_id, error=error))

    def _remove(self, sequence: Sequence, *, keep: bool) -> None:
        request_id = sequence.request.request_id
        del self._streams[request_id]
        self._apply(self._scheduler.remove(sequence, keep=keep))
        self._backend.close(request_id)
        if self._proposals is not None:
            self._proposals.forget(sequence)
