"""How many threads a forward gets: learned from how long forwards take, and learned again when that changes.

Threads meet at hundreds of barriers in a forward. One that has lost its core to another program makes all others
wait at each of them, so one thread too many can cost more than all threads gain. Nothing but time tells: this
controller compares the steps it sees with the steps it saw, tries a neighbouring count where that looks worth it,
and keeps the faster one.

Pure: no clock, no native code. `count_for` before a forward, `observe` after it.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["single", "small", "large"]
Comparison = Literal["faster", "slower", "unclear"]

MOST_SMALL = 16
"""Forwards of up to this many tokens read the weights rather than compute: a phase of their own."""
SLOW = 1.35
"""A step that takes this many times the usual is slow."""
COLLAPSED = 3.0
"""Steps that take this many times the usual have threads without a core."""
NUM_SLOW = 4
NUM_COLLAPSED = 2
"""Steps in a row before something is done: a single one may be a hiccup of the machine."""
TRIAL_STEPS = 4
BETTER = 0.95
"""Another count is taken when its time is at most this share: below that it is noise."""
HOPELESS = 1.5
"""A trial ends at once when a step takes this many times what the count in use takes."""
TRIAL_SHARE = 0.02
"""Most time that trials may lose, of all time."""
ROOM_DOUBT = 0.3
"""Cores that other programs may seem to take and a thread still finds its place."""
CHEAPER_WITH_ROOM = 0.1
"""Share of its last loss that a trial must have saved up when a core has become free since."""
FIRST_REST = 32
LONGEST_REST = 4096
"""Steps between trials: doubled while they find nothing."""
SECONDS_PER_REST = 0.01
"""A rest is also this long for each of its steps: steps of a tiny model are over too soon to learn from."""
PATIENCE = 64
"""Steps of other sizes after which a trial is given up."""
_EASE = 0.1


def ladder(most: int) -> tuple[int, ...]:
    """The counts worth trying on `most` cores: 1, 2, 3, 4, 6, 8, 12, 16 ..., all but one, and all."""
    powers = [2**exponent for exponent in range(most.bit_length())]
    counts = {*powers, *(power * 3 // 2 for power in powers[1:]), most, max(most - 1, 1)}
    return tuple(sorted(count for count in counts if count <= most))


def phase_of(num_tokens: int) -> Phase:
    """The phase of a forward of `num_tokens`."""
    return "single" if num_tokens == 1 else "small" if num_tokens <= MOST_SMALL else "large"


@dataclass(slots=True)
class _Trial:
    """Some forwards of about `size` tokens with another count; `usual` is the seconds per token without it."""

    count: int
    size: int
    usual: float
    is_warm: bool = False
    samples: list[float] = field(default_factory=list)

    def verdict(self) -> Comparison | None:
        """None while it is still open."""
        if self.samples and self.samples[-1] > self.usual * HOPELESS:
            return "slower"
        if len(self.samples) < TRIAL_STEPS:
            return None
        middle = statistics.median(self.samples)
        return "faster" if middle < self.usual * BETTER else "slower" if middle > self.usual else "unclear"


@dataclass(slots=True)
class _PhaseState:
    """What is known of one phase."""

    count: int
    usual: dict[int, float] = field(default_factory=dict)  # size -> seconds per token with `count`
    slow: list[float] = field(default_factory=list)
    trial: _Trial | None = None
    waiting: list[int] = field(default_factory=list)  # counts to try after this trial
    turn: int = 0
    rest: int = FIRST_REST
    steps_left: int = FIRST_REST
    not_before: float = 0.0  # seconds of forwards
    lost: dict[int, float] = field(default_factory=dict)  # count -> seconds that its last trial lost

    def take(self, count: int) -> None:
        """Use another count; what was usual no longer is."""
        self.count = count
        self.usual.clear()
        self.slow.clear()
        self.waiting.clear()
        self.trial = None
        self.rest = self.steps_left = FIRST_REST


class ThreadController:
    """Chooses a count for each forward, per phase: one token, a few (decode of several sequences), many (prefill).

    A step far slower than usual several times over falls back to one thread, which nothing can hold up, and climbs
    from there; a step somewhat slower tries fewer. Otherwise a neighbour is tried now and then, as long as
    trials lose no more than 2 % of the time. Steps are compared with steps of about the same number of tokens, and a
    new count is always compared with steps just before it: a context that grows is no reason to change anything.
    What other programs take of the processor (`note_others`) only says when it is worth trying more threads again.
    """

    def __init__(self, counts: Sequence[int], *, single: int, large: int) -> None:
        """`counts` in rising order; `single` and `large` are the counts to begin with, for one token and for many."""
        if not counts or list(counts) != sorted(set(counts)) or counts[0] < 1:
            raise ValueError("counts must rise from at least 1")
        self._counts = tuple(counts)
        self._phases: dict[Phase, _PhaseState] = {
            "single": _PhaseState(self._nearest(single)),
            "small": _PhaseState(self._nearest(large)),
            "large": _PhaseState(self._nearest(large)),
        }
        self._credit = 0.0
        self._elapsed = 0.0
        self._room: float | None = None

    def note_others(self, busy_cores: float) -> None:
        """Other programs have lately kept `busy_cores` of this process's cores busy."""
        self._room = self._counts[-1] - busy_cores

    def count_for(self, num_tokens: int) -> int:
        """Threads for the next forward, of `num_tokens`."""
        state = self._phases[phase_of(num_tokens)]
        trial = state.trial
        return trial.count if trial and _alike(trial.size, num_tokens) else state.count

    def chosen(self, phase: Phase) -> int:
        """The count in use for a phase; trials aside."""
        return self._phases[phase].count

    def observe(self, num_tokens: int, seconds: float) -> None:
        """A forward of `num_tokens` with `count_for(num_tokens)` threads took `seconds`."""
        if len(self._counts) == 1 or num_tokens < 1:
            return
        self._credit += seconds * TRIAL_SHARE
        self._elapsed += seconds
        state = self._phases[phase_of(num_tokens)]
        if state.trial and _alike(state.trial.size, num_tokens):
            self._observe_trial(state, state.trial, num_tokens, seconds)
        else:
            self._observe_usual(state, num_tokens, seconds / num_tokens)

    def _observe_usual(self, state: _PhaseState, num_tokens: int, each: float) -> None:
        size = _size(num_tokens)
        usual = state.usual.get(size)
        if usual is None:
            state.usual[size] = each
            return
        state.steps_left -= 1
        if state.trial and state.steps_left < -PATIENCE:  # forwards of the trial's size have stopped coming
            state.trial, state.steps_left = None, state.rest
        if each > usual * SLOW:
            state.slow.append(each)
            self._suspect(state, num_tokens, usual)
            return
        state.slow.clear()
        # The first step of all builds graphs and buffers: what is far faster than usual replaces it.
        state.usual[size] = each if each < usual / SLOW else usual + (each - usual) * _EASE
        if state.trial is None and state.steps_left <= 0 and self._elapsed >= state.not_before:
            self._explore(state, num_tokens)

    def _suspect(self, state: _PhaseState, num_tokens: int, usual: float) -> None:
        """Do something about slow steps, once there are enough of them."""
        slow = state.slow
        if state.count == self._counts[0] or state.trial:
            if len(slow) >= NUM_SLOW:  # no count is lower: this is what a step takes now
                state.usual[_size(num_tokens)] = statistics.median(slow)
                slow.clear()
            return
        if sum(each > usual * COLLAPSED for each in slow) >= NUM_COLLAPSED:
            self._fall_back(state, slow[-1] * num_tokens)
        elif len(slow) >= NUM_SLOW:
            reference = statistics.median(slow)
            state.usual[_size(num_tokens)] = reference
            slow.clear()
            fewer = self._neighbour(state.count, -1)
            state.waiting = [self._counts[0]] if fewer != self._counts[0] else []
            state.trial = _Trial(fewer, num_tokens, reference)

    def _fall_back(self, state: _PhaseState, seconds: float) -> None:
        """Go on with the fewest threads; what was too many is not tried soon, and all below it is tried at once."""
        state.lost = {count: max(lost, seconds) for count, lost in state.lost.items() if count >= state.count}
        state.lost[state.count] = seconds
        for other in self._phases.values():
            other.steps_left, other.not_before = 0, 0.0
        state.take(self._counts[0])
        state.steps_left = NUM_SLOW

    def _explore(self, state: _PhaseState, num_tokens: int) -> None:
        """Try a neighbour, or the fewest threads, if what that may lose has been saved up.

        The fewest, because beside a busy program all higher counts can be equally bad.
        """
        choices = (self._neighbour(state.count, 1), self._neighbour(state.count, -1), self._counts[0])
        for _ in choices:
            count = choices[state.turn % len(choices)]
            if count != state.count and self._affords(state, count):
                state.trial = _Trial(count, num_tokens, state.usual[_size(num_tokens)])
                return
            state.turn += 1

    def _affords(self, state: _PhaseState, count: int) -> bool:
        """Whether a trial may start: free where nothing is known against the count, else out of what was saved."""
        price = state.lost.get(count, 0.0)
        if count > state.count and self._room is not None:
            if count <= self._room + ROOM_DOUBT:
                price *= CHEAPER_WITH_ROOM
            elif price == 0.0:
                return False
        return price == 0.0 or self._credit >= price

    def _observe_trial(self, state: _PhaseState, trial: _Trial, num_tokens: int, seconds: float) -> None:
        each = seconds / num_tokens
        self._credit -= max(seconds - trial.usual * num_tokens, 0.0)
        if not trial.is_warm and each <= trial.usual * HOPELESS * 2:
            trial.is_warm = True  # threads are started in the first step with another count
            return
        trial.samples.append(each)
        verdict = trial.verdict()
        if verdict is None:
            return
        if verdict == "faster":
            before, better = state.count, statistics.median(trial.samples)
            state.take(trial.count)
            state.usual[_size(num_tokens)] = better
            state.steps_left = 0  # perhaps the next count is better still
            state.turn = 0 if trial.count > before else 1
            state.lost.pop(trial.count, None)
            return
        state.lost[trial.count] = max(sum(each - trial.usual for each in trial.samples), 0.0) * num_tokens
        state.turn += 1
        state.trial = None
        if state.waiting:
            state.trial = _Trial(state.waiting.pop(), num_tokens, trial.usual)
            return
        state.rest = min(state.rest * 2, LONGEST_REST)
        state.steps_left = state.rest
        state.not_before = self._elapsed + state.rest * SECONDS_PER_REST

    def _nearest(self, count: int) -> int:
        return min(self._counts, key=lambda known: (abs(known - count), known))

    def _neighbour(self, count: int, direction: int) -> int:
        place = self._counts.index(count) + direction
        return self._counts[min(max(place, 0), len(self._counts) - 1)]


def _size(num_tokens: int) -> int:
    """Forwards of one size are compared, by their time per token.

    Exact while reading the weights is most of the work, then by quarters of an octave; prefill by octaves.
    """
    if num_tokens <= 8:
        return num_tokens
    return round(4 * math.log2(num_tokens)) if num_tokens <= MOST_SMALL else 100 + round(math.log2(num_tokens))


def _alike(one: int, other: int) -> bool:
    return _size(one) == _size(other)
