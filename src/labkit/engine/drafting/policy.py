"""How many tokens to draft: from measured acceptance, measured cost, and a ledger that bounds the loss.

With acceptance p per token, k drafted tokens bring (1 - p^(k+1)) / (1 - p) tokens on average (Leviathan et al. 2023,
"Fast Inference from Transformers via Speculative Decoding", equation 1). The ledger is an insurance: a sequence may
lose by rejected drafts only what it has won by accepted ones, plus a small premium on the time it takes anyway.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

MAX_DRAFT = 16
CANDIDATES = (1, 2, 3, 4, 6, 8, 12, 16)
PREMIUM = 0.02  # of a sequence's own forward time may be lost by its probes
POT_PREMIUM = 0.01  # of all forward time may be lent to new sequences for their first probe
FIRST_LOAN = 0.5  # forwards
MOST_SAVED = 8.0  # forwards that a sequence may lose again after it has won them: enough for a whole draft
_FADING = 0.7
_LEARNING = 0.25
_PROBE_TOKENS = 2


@dataclass(slots=True)
class _Record:
    """One sequence: faded counts of accepted and rejected tokens, its ledger in seconds, and the step under way."""

    accepted: float
    rejected: float
    balance: float
    batch_tokens: int = 1
    num_sequences: int = 1

    @property
    def acceptance(self) -> float:
        return self.accepted / (self.accepted + self.rejected)


class SpeculationPolicy:
    """Decides for every sequence of an engine. Pure: no clock, no randomness. The loop alone calls it.

    On text whose drafts are always wrong the forwards take at most 3 % longer (and one forward, once).
    """

    def __init__(
        self,
        seconds: Callable[[int], float],
        *,
        max_draft: int = MAX_DRAFT,
        draft_seconds_per_token: float = 0.0,
    ) -> None:
        """`seconds(num_tokens)`: measured time of a forward; the time a draft model takes per token comes on top."""
        self._seconds = seconds
        self._max_draft = max_draft
        self._draft_seconds = draft_seconds_per_token
        self._records: dict[str, _Record] = {}
        self._pot: float | None = None

    def decide(
        self,
        sequence_id: str,
        *,
        batch_tokens: int,
        num_sequences: int,
        room: int = MAX_DRAFT,
        probes: bool = True,
    ) -> int:
        """Tokens to draft for a sequence in the coming forward; 0 where it would not pay. Call it once per step.

        `batch_tokens`: tokens of the forward so far, this sequence's own one and other drafts included.
        `num_sequences`: sequences that decode in it. `room`: most tokens that batch and KV cells still take.
        `probes`: try short drafts now and then; not needed where `observe_shadow` tells.
        """
        share = self._seconds(num_sequences) / num_sequences
        record = self._record(sequence_id, share)
        record.batch_tokens, record.num_sequences = batch_tokens, num_sequences
        record.balance = min(record.balance + PREMIUM * share, MOST_SAVED * share)
        most = min(room, self._max_draft)
        affordable = self._affordable(record, most)
        best = self._best(record, affordable, record.acceptance)
        return best or (self._probe(record, affordable, most) if probes else 0)

    def observe(self, sequence_id: str, drafted: int, accepted: int) -> None:
        """Tell how a draft fared in the forward of the last `decide`; drafts of no tokens need not be told."""
        record = self._records.get(sequence_id)
        if record is None or drafted < 1:
            return
        share = self._seconds(record.num_sequences) / record.num_sequences
        record.accepted = record.accepted * _FADING + accepted
        record.rejected = record.rejected * _FADING + (accepted < drafted)
        balance = record.balance + accepted * share - self._cost(record, drafted)
        # The floor keeps one cost of a busy moment from being paid off for ever.
        record.balance = max(min(balance, MOST_SAVED * share), -MOST_SAVED * share)

    def observe_shadow(self, sequence_id: str, *, was_right: bool) -> None:
        """Tell how a token fared that was proposed and not sent: what it would have won goes into the ledger."""
        record = self._records.get(sequence_id)
        if record is None:
            return
        record.accepted = record.accepted * _FADING + was_right
        record.rejected = record.rejected * _FADING + (not was_right)
        if was_right:
            share = self._seconds(record.num_sequences) / record.num_sequences
            record.balance = min(record.balance + share, MOST_SAVED * share)

    def worthwhile(self, count: int, *, batch_tokens: int, num_sequences: int) -> int:
        """How many of `count` tokens that are certain to be accepted pay for their place in the forward."""
        record = _Record(1.0, 0.0, math.inf, batch_tokens, num_sequences)
        costs = [(number, self._cost(record, number)) for number in {*CANDIDATES, count} if number <= count]
        return self._best(record, costs, 1.0)

    def learn_draft_cost(self, seconds_per_token: float) -> None:
        """What the drafter itself took, where that is a model. One outlier counts at most twice the mean."""
        known = self._draft_seconds or seconds_per_token
        self._draft_seconds = known + _LEARNING * (min(seconds_per_token, 2 * known) - known)

    def acceptance(self, sequence_id: str) -> float | None:
        """Recent share of drafted tokens that were right, as estimated; None for an unknown sequence."""
        record = self._records.get(sequence_id)
        return record.acceptance if record else None

    def forget(self, sequence_id: str) -> None:
        """The sequence is over. What is left of its loan goes back."""
        record = self._records.pop(sequence_id, None)
        if record is not None and self._pot is not None:
            self._pot += max(0.0, min(record.balance, FIRST_LOAN * self._seconds(1)))

    def _record(self, sequence_id: str, share: float) -> _Record:
        if self._pot is None:
            self._pot = share
        self._pot = min(self._pot + POT_PREMIUM * share, MOST_SAVED * self._seconds(1))
        record = self._records.get(sequence_id)
        if record is None:
            loan = min(self._pot, FIRST_LOAN * share)
            self._pot -= loan
            record = self._records[sequence_id] = _Record(accepted=1.0, rejected=1.0, balance=loan)
        return record

    def _cost(self, record: _Record, count: int) -> float:
        """Seconds that `count` more tokens add to the forward of this step."""
        more = self._seconds(record.batch_tokens + count) - self._seconds(record.batch_tokens)
        return max(more, 0.0) + count * self._draft_seconds

    def _affordable(self, record: _Record, most: int) -> list[tuple[int, float]]:
        """(count, cost) of the candidates that the ledger would survive, were they all rejected."""
        found = []
        for count in CANDIDATES:
            if count > most or (cost := self._cost(record, count)) > record.balance:
                break
            found.append((count, cost))
        return found

    def _best(self, record: _Record, affordable: list[tuple[int, float]], acceptance: float) -> int:
        """The count with most tokens per second over the whole batch; 0 when drafting does not pay."""
        forward = self._seconds(record.num_sequences)
        best, best_rate = 0, record.num_sequences / forward
        for count, cost in affordable:
            tokens = record.num_sequences - 1 + _expected_tokens(acceptance, count)
            if (rate := tokens / (forward + cost)) > best_rate:
                best, best_rate = count, rate
        return best

    def _probe(self, record: _Record, affordable: list[tuple[int, float]], most: int) -> int:
        """A short draft on the premium's account, to notice when the text begins to repeat.

        Where not even perfect drafts would pay, only when the ledger is full: the measured costs may be of a time when
        the machine was busy, and no other forward may be of that size.
        """
        count = min(self._best(record, affordable, 1.0), _PROBE_TOKENS)
        share = self._seconds(record.num_sequences) / record.num_sequences
        return min(_PROBE_TOKENS, max(most, 0)) if not count and record.balance >= MOST_SAVED * share else count


def _expected_tokens(acceptance: float, count: int) -> float:
    if acceptance >= 1.0:
        return count + 1.0
    return (1.0 - acceptance ** (count + 1)) / (1.0 - acceptance)
