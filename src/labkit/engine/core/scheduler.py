"""Who runs, and what the next forward computes. Pure: no clock, no threads, no native code.

Admission is by KV cells: a sequence enters when a slot is free and what it will need beside the cells it shares fits
what the others have not reserved. A sequence whose beginning another one is about to compute waits for it to get
there, so that a burst with one long prefix computes the prefix once. Decode comes first in every forward; prompts
fill the rest, the shortest remaining one first.
"""

from collections.abc import Iterable

from labkit.engine.core.kv_cache import KvCache
from labkit.engine.core.moves import Move
from labkit.engine.core.plan import BatchPlan, Span
from labkit.engine.core.prefix_tree import common_length
from labkit.engine.core.sequence import Sequence
from labkit.engine.core.waiting import WaitingQueue, rank, urgency
from labkit.engine.types import AdapterUse, CacheTier

EXPECTED_TOKENS = 256
"""Output reserved for a request that names no max_tokens; growth beyond it may cost a preemption."""
MIN_SHARED_TOKENS = 32
"""Shorter beginnings are not worth waiting for."""
LEAST_SCORED_TOKENS = 16
"""Tokens of prompts that a forward reads log-probabilities of, however many sequences decode in it."""
OLDEST_SHARE = 4
"""One part in so many of a forward's prompt tokens goes to the prompt that has waited longest."""


class Scheduler:
    """State of waiting and running sequences, and the decisions on it. One loop owns it."""

    def __init__(
        self,
        cache: KvCache,
        *,
        max_running: int,
        batch_tokens: int,
        max_logits: int,
        scoring_tokens: int | None = None,
    ) -> None:
        """The sizes of a Backend, by their names there."""
        self.cache = cache
        self.max_running = max_running
        self.batch_tokens = batch_tokens
        self.max_logits = max_logits
        self.scoring_tokens = scoring_tokens or max_logits
        self.waiting = WaitingQueue()
        self.running: list[Sequence] = []  # oldest admission first
        self._turns: dict[tuple[AdapterUse, ...], int] = {}
        self._turn = 0
        self._scored_last = False

    def add(self, sequence: Sequence) -> None:
        """Put a sequence at the end of its lane."""
        self.waiting.put(sequence)

    def next_to_admit(self, now: float) -> Sequence | None:
        """The waiting sequence that enters now, or None. Leaders get their fork points."""
        if len(self.running) >= self.max_running or not self.cache.can_acquire:
            return None
        for sequence in self.waiting.in_order(now):
            if self._waits_for_leader(sequence):
                continue
            # Whoever is next in line and does not fit is waited for: smaller ones would starve it.
            return sequence if self._fits(sequence) else None
        return None

    def admit(self, sequence: Sequence) -> list[Move]:
        """Move a waiting sequence into a slot, with the cells it can share."""
        match = None
        if sequence.num_shareable:
            match = self.cache.match(sequence.identity, sequence.tokens, sequence.num_shareable)
        self.waiting.remove(sequence)
        sequence.leader = None
        sequence.slot, moves = self.cache.start(sequence.identity, match)
        sequence.num_computed = self.cache.tree.length(sequence.slot)
        if sequence.admitted is None:
            sequence.num_cached = sequence.num_computed
            sequence.cached_from = "device" if sequence.num_cached else None
        sequence.reserved_cells = self._needed(sequence)
        if not self.cache.forks_anywhere and sequence.request.reuse:
            sequence.fork_points.add(sequence.num_prompt - 1)
        self.running.append(sequence)
        return moves

    def start_over(self, sequence: Sequence) -> list[Move]:
        """Give back the cells that an admitted sequence shares, because better ones were found."""
        sequence.num_computed = 0
        if sequence.admitted is None:
            sequence.num_cached, sequence.cached_from = 0, None
        return self.cache.truncate(sequence.held_slot, 0)

    def restore(self, sequence: Sequence, num_tokens: int, tier: CacheTier) -> None:
        """The cells of the first `num_tokens` were put into the empty slot of `sequence` from a slower tier."""
        self.cache.extend(sequence.held_slot, sequence.tokens[:num_tokens])
        sequence.num_computed = num_tokens
        if sequence.admitted is None:
            sequence.num_cached, sequence.cached_from = num_tokens, tier

    def choose_adapters(self) -> tuple[AdapterUse, ...]:
        """The adapter set of the next forward: of those that have work, the one that has waited longest for a turn."""
        sets = {sequence.request.adapters for sequence in self.running}
        self._turns = {adapters: self._turns.get(adapters, -1) for adapters in sets}
        chosen = min(self._turns, key=lambda adapters: self._turns[adapters], default=())
        self._turn += 1
        self._turns[chosen] = self._turn
        return chosen

    def make_room(self, adapters: tuple[AdapterUse, ...], prefill_tokens: int) -> list[Move]:
        """Free the cells that the next forward wants: finished sequences first, then the youngest running one.

        A preempted sequence waits at the head of its lane with all its tokens and is computed again later, so that
        its text is the same as if it had never been interrupted.
        """
        group = [sequence for sequence in self.running if sequence.request.adapters == adapters]
        decode = sum(sequence.phase == "decode" for sequence in group)
        drafts = sum(len(sequence.draft) for sequence in group)
        prefill = sum(sequence.num_pending for sequence in group if sequence.phase == "prefill")
        moves = self.cache.make_room(decode + drafts + min(prefill, prefill_tokens, self.batch_tokens))
        needed = max(decode, 1)
        while len(self.running) > 1 and self.cache.num_free < needed:
            moves += self.preempt(self._victim())
            needed = max(self._num_decoding(adapters), 1)
        return moves

    def preempt(self, sequence: Sequence) -> list[Move]:
        """Take the slot of a running sequence back; it will be computed again."""
        moves = self._leave(sequence, keep=False)
        sequence.num_preemptions += 1
        sequence.num_computed = sequence.lent_until = 0
        sequence.draft = ()
        self.waiting.put_back(sequence)
        return moves

    def plan(self, adapters: tuple[AdapterUse, ...], prefill_tokens: int, *, only: Sequence | None = None) -> BatchPlan:
        """The next forward of one adapter set: every decoding sequence with its draft, then prompts.

        `prefill_tokens` bounds the prompt tokens; `only` plans for one sequence alone.
        """
        group = [sequence for sequence in self.running if sequence.request.adapters == adapters]
        if only is not None:
            group = [only]
        room = min(self.batch_tokens, self.cache.num_free)
        decoding = [sequence for sequence in group if sequence.phase == "decode"][: min(room, self.max_logits)]
        prompts = [sequence for sequence in group if sequence.phase == "prefill"]
        spans: list[Span]
        share = _shares
        if any(sequence.is_scoring for sequence in prompts):
            prompts = self._whose_turn(prompts)
        if prompts and prompts[0].is_scoring:
            room = min(room, max(self.scoring_tokens, len(decoding) + LEAST_SCORED_TOKENS))
            spans = list(_decode_spans(decoding, 0, 0))
            share = _whole_shares
        else:
            spans = list(_decode_spans(decoding, room, self.max_logits))
        room -= sum(span.length for span in spans)
        rows = self.max_logits - sum(1 + len(span.draft) for span in spans)
        for sequence, size in share(prompts, min(room, prefill_tokens), rows):
            span = self._prompt_span(sequence, size, rows)
            if span.num_tokens:
                spans.append(span)
                rows -= span.num_logits
        return BatchPlan(tuple(spans), adapters)

    def commit(self, span: Span, num_accepted: int = 0) -> list[Move]:
        """Note what a forward has computed of `span`: its tokens, and as much of its draft as was accepted."""
        sequence = span.sequence
        computed = sequence.tokens[span.start : span.start + span.num_tokens] + list(span.draft[:num_accepted])
        self.cache.extend(sequence.held_slot, computed)
        sequence.num_computed += len(computed)
        sequence.draft = ()
        if sequence.num_computed not in sequence.fork_points:
            return []
        sequence.fork_points.discard(sequence.num_computed)
        return self.cache.snapshot(sequence.held_slot)

    def remove(self, sequence: Sequence, *, keep: bool) -> list[Move]:
        """Take a sequence out, wherever it is; its cells stay for others when `keep`."""
        if sequence.slot is None:
            self.waiting.remove(sequence)
            return []
        moves: list[Move] = []
        if keep and self.cache.forks_anywhere:
            moves += self.cache.truncate(sequence.slot, min(sequence.num_computed, len(sequence.tokens)))
        return moves + self._leave(sequence, keep=keep)

    def check_integrity(self) -> None:
        """Raise RuntimeError when slots or cells do not add up. Tests run it after every step."""
        self.cache.check_integrity()
        held = [sequence.held_slot for sequence in self.running]
        if set(held) != self.cache.running or len(set(held)) != len(held):
            raise RuntimeError(f"the sequences run in slots {held}, the cache says {self.cache.running}")
        for sequence in self.running:
            if self.cache.tree.path(sequence.held_slot) != sequence.tokens[: sequence.num_computed]:
                raise RuntimeError(f"the cells of {sequence.request.request_id} are not its tokens")
        if any(sequence.slot is not None for sequence in self.waiting):
            raise RuntimeError("a waiting sequence holds a slot")

    def _waits_for_leader(self, sequence: Sequence) -> bool:
        """Whether somebody is computing so much of its beginning that waiting is the shorter way."""
        if not sequence.num_shareable:
            return False
        leader = sequence.leader
        if leader is None or leader.phase != "prefill" or leader.num_computed >= sequence.promised:
            # Only now: to compare whole prompts at every step takes longer than a small model's forward.
            leader = sequence.leader = self._find_leader(sequence)
        if leader is None:
            return False
        leader.lend(rank(sequence.request.lane), sequence.promised)
        return True

    def _find_leader(self, sequence: Sequence) -> Sequence | None:
        leader, promised = self._leader(sequence)
        if leader is None or promised < MIN_SHARED_TOKENS or promised <= leader.num_computed:
            return None
        match = self.cache.match(sequence.identity, sequence.tokens, sequence.num_shareable)
        if promised - (match.num_tokens if match else 0) < MIN_SHARED_TOKENS:
            return None
        if not self.cache.forks_anywhere:
            leader.fork_points.add(promised)
        sequence.promised = promised
        return leader

    def _leader(self, sequence: Sequence) -> tuple[Sequence | None, int]:
        best: tuple[Sequence | None, int] = (None, 0)
        for other in self.running:
            if other.phase == "prefill" and other.request.reuse and other.identity == sequence.identity:
                promised = common_length(other.tokens, 0, sequence.tokens, 0, sequence.num_shareable)
                if promised > best[1]:
                    best = (other, promised)
        return best

    def _fits(self, sequence: Sequence) -> bool:
        if not self.running:
            return True
        outstanding = sum(max(each.reserved_cells - each.num_computed, 0) for each in self.running)
        shared = self.cache.shared_with_running(sequence.identity, sequence.tokens, sequence.num_shareable)
        taken = self.cache.num_running_cells + outstanding
        return taken + self._needed(sequence) - shared <= self.cache.num_cells

    def _needed(self, sequence: Sequence) -> int:
        wanted = sequence.request.max_tokens
        output = EXPECTED_TOKENS if wanted is None else max(wanted - sequence.num_generated, 1)
        return min(self.cache.num_cells, len(sequence.tokens) + output)

    def _victim(self) -> Sequence:
        worst = max(map(urgency, self.running))
        return [sequence for sequence in self.running if urgency(sequence) == worst][-1]

    def _num_decoding(self, adapters: tuple[AdapterUse, ...]) -> int:
        return sum(each.phase == "decode" and each.request.adapters == adapters for each in self.running)

    def _whose_turn(self, prompts: list[Sequence]) -> list[Sequence]:
        """Those that are read for log-probabilities, or all others: in turns, never both in one forward."""
        scoring = [sequence for sequence in prompts if sequence.is_scoring]
        if len(scoring) == len(prompts):
            return prompts
        self._scored_last = not self._scored_last
        return scoring if self._scored_last else [sequence for sequence in prompts if not sequence.is_scoring]

    def _prompt_span(self, sequence: Sequence, size: int, rows: int) -> Span:
        """At most `size` tokens of a prompt, with at most `rows` rows of logits."""
        start = sequence.num_computed
        num_tokens = self._until_fork(sequence, size)
        scores = sequence.is_scoring and start >= sequence.num_scored
        if scores:
            num_tokens = min(num_tokens, rows)
        elif sequence.is_scoring:  # it was preempted: what was read already is computed again without logits
            num_tokens = min(num_tokens, sequence.num_scored - start)
        samples = num_tokens == sequence.num_pending and sequence.request.max_tokens != 0
        if samples and rows <= 0:
            num_tokens, samples = num_tokens - 1, False
        return Span(sequence, start, num_tokens, wants_logits=samples, scores=scores)

    def _until_fork(self, sequence: Sequence, size: int) -> int:
        ahead = [point for point in sequence.fork_points if point > sequence.num_computed]
        return min(size, min(ahead) - sequence.num_computed) if ahead else size

    def _leave(self, sequence: Sequence, *, keep: bool) -> list[Move]:
        self.running.remove(sequence)
        slot = sequence.held_slot
        sequence.slot, sequence.reserved_cells = None, 0
        return self.cache.finish(slot, keep=keep)


def _decode_spans(decoding: list[Sequence], room: int, max_logits: int) -> Iterable[Span]:
    """One known token each, and of the drafts as much as there is room for."""
    spare = min(room, max_logits) - len(decoding)
    for sequence in decoding:
        draft = sequence.draft[: max(spare, 0)]
        spare -= len(draft)
        yield Span(sequence, sequence.num_computed, 1, wants_logits=True, draft=draft)


def _shares(prompts: list[Sequence], room: int, rows: int) -> list[tuple[Sequence, int]]:
    """Split `room` tokens among prompts: by lane, then the shortest rest first, which makes the mean wait least.

    The oldest prompt gets a part in any case, so that a stream of short ones cannot starve it. Those that want logits
    of every token are not given more than `rows`.
    """
    if not prompts or room <= 0:
        return []
    oldest = min(prompts, key=lambda sequence: sequence.arrived)
    order = sorted(prompts, key=lambda each: (urgency(each), each.num_pending, each.arrived))
    kept = min(_wanted(oldest, rows), room // OLDEST_SHARE) if order[0] is not oldest else 0
    shares: list[tuple[Sequence, int]] = []
    room -= kept
    for sequence in order:
        extra = kept if sequence is oldest else 0
        size = min(_wanted(sequence, rows), room + extra)
        room -= max(size - extra, 0)
        if size > 0:
            shares.append((sequence, size))
    return shares


def _whole_shares(prompts: list[Sequence], room: int, rows: int) -> list[tuple[Sequence, int]]:
    """The same for prompts that are read for log-probabilities: each whole if it fits into a forward, oldest first.

    What is read in parts may get its cells in another order, in which attention in half precision adds up otherwise.
    """
    shares: list[tuple[Sequence, int]] = []
    for sequence in sorted(prompts, key=lambda each: (urgency(each), each.arrived)):
        size = _wanted(sequence, rows)
        if 0 < size <= room or not shares:
            shares.append((sequence, min(size, room)))
            room -= shares[-1][1]
    return shares


def _wanted(sequence: Sequence, rows: int) -> int:
    return min(sequence.num_pending, rows) if sequence.is_scoring else sequence.num_pending
