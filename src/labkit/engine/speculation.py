"""Speculation for the loop: a drafter proposes, a policy says how much of it is worth checking."""

from collections.abc import Callable

from labkit.engine.core.sequence import Sequence
from labkit.engine.drafting import Drafter, SpeculationPolicy
from labkit.engine.proposals import MAX_DRAFT_TOKENS

DrafterClock = Callable[[], float]


class Speculation:
    """Implements `labkit.engine.proposals.Proposals`. One for an engine; the loop alone calls it."""

    def __init__(self, drafter: Drafter, *, clock: DrafterClock | None = None) -> None:
        """With a `clock` (seconds) the drafter's own time counts too: give one where that is a model."""
        self._drafter = drafter
        self._clock = clock
        self._policy: SpeculationPolicy | None = None
        self._drafts_of_step = 0
        self._forced: set[str] = set()
        self._shadows: dict[str, tuple[int, ...]] = {}

    def propose(
        self,
        sequence: Sequence,
        forced: tuple[int, ...],
        num_decoding: int,
        seconds: Callable[[int], float | None],
    ) -> tuple[int, ...]:
        """See Proposals.propose. Nothing before the first forward was measured."""
        if not seconds(1):
            return ()
        request_id = sequence.request.request_id
        policy = self._policy = self._policy or SpeculationPolicy(lambda count: seconds(count) or 0.0)
        batch_tokens = num_decoding + self._drafts_of_step
        room = min(MAX_DRAFT_TOKENS, _remaining(sequence) - 1)
        if forced:
            count = policy.worthwhile(len(forced[:room]), batch_tokens=batch_tokens, num_sequences=num_decoding)
            draft = forced[:count]
            self._forced.add(request_id)
        else:
            free = self._drafter.is_free
            count = policy.decide(
                request_id, batch_tokens=batch_tokens, num_sequences=num_decoding, room=room, probes=not free
            )
            draft = self._draft(policy, request_id, sequence.tokens, count or free) if count or free else ()
            if free and not count:
                self._shadows[request_id], draft = draft, ()
        self._drafts_of_step += len(draft)
        return draft

    def learn(self, sequence: Sequence, num_drafted: int, num_accepted: int, tokens: list[int]) -> None:
        """See Proposals.learn. Forced tokens tell nothing about the drafter."""
        self._drafts_of_step = 0
        request_id = sequence.request.request_id
        if request_id in self._forced:
            self._forced.discard(request_id)
        elif self._policy is not None:
            self._policy.observe(request_id, num_drafted, num_accepted)
            if shadow := self._shadows.pop(request_id, ()):
                self._policy.observe_shadow(request_id, was_right=shadow[0] == tokens[0])

    def forget(self, sequence: Sequence) -> None:
        """See Proposals.forget."""
        request_id = sequence.request.request_id
        self._forced.discard(request_id)
        self._shadows.pop(request_id, None)
        self._drafter.forget(request_id)
        if self._policy is not None:
            self._policy.forget(request_id)

    def _draft(self, policy: SpeculationPolicy, request_id: str, tokens: list[int], count: int) -> tuple[int, ...]:
        if self._clock is None:
            return self._drafter.propose(request_id, tokens, count)
        started = self._clock()
        draft = self._drafter.propose(request_id, tokens, count)
        if draft:  # a prompt that is caught up with says nothing about the cost of a draft
            policy.learn_draft_cost((self._clock() - started) / len(draft))
        return draft


def _remaining(sequence: Sequence) -> int:
    most = sequence.request.max_tokens
    return MAX_DRAFT_TOKENS + 1 if most is None else most - sequence.num_generated
