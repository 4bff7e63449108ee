"""What one key has used, held against its budget. Pure: the caller brings the time, in monotonic seconds.

Tokens are known when an answer is over. So a request reserves what it may take (an estimate of its prompt, and its
max_tokens) while it runs, and is charged what it took when it ends: who asks for many tokens and gets few pays for few,
and requests that run at once cannot pass the limit together. A request whose wish is larger than the whole limit may
start when nothing else is counted: it could never start otherwise. What it takes beyond delays the next one.

A request that is refused here costs nothing. A day is any 24 hours, not a date.
"""

import math
from dataclasses import dataclass

from labkit.access.keys import Budget
from labkit.access.windows import SlidingWindow
from labkit.errors import BudgetExceededError

MINUTE = 60.0
DAY = 86400.0
BUSY_RETRY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands against one of its limits: what is left, and when all of it is back."""

    limit: int
    remaining: int
    reset_seconds: float


class Meter:
    """Counters of one key. Limits are given with each call, because they may be edited while requests run."""

    def __init__(self) -> None:
        self._requests = {"minute": SlidingWindow(MINUTE), "day": SlidingWindow(DAY)}
        self._tokens = {"minute": SlidingWindow(MINUTE), "day": SlidingWindow(DAY)}
        self._num_running = 0
        self._reserved = 0

    def restore(self, num_requests: int, num_tokens: int, age_seconds: float, now: float) -> None:
        """Count what an earlier run of the endpoint counted. Oldest first, before anything else."""
        for window, amount in ((self._requests["day"], num_requests), (self._tokens["day"], num_tokens)):
            window.add(amount, now - age_seconds)

    def enter(self, budget: Budget, now: float) -> None:
        """Let a request in; `leave` must follow. Raises BudgetExceededError, and counts nothing then."""
        if budget.concurrent_requests is not None and self._num_running >= budget.concurrent_requests:
            raise _exceeded(f"{budget.concurrent_requests} requests at once", BUSY_RETRY_SECONDS)
        for period, limit in _limits(budget.requests_per_minute, budget.requests_per_day):
            wait = self._requests[period].seconds_until(limit - 1, now)
            if wait or limit < 1:
                raise _exceeded(f"{limit} requests per {period}", wait)
        for period, limit in _limits(budget.tokens_per_minute, budget.tokens_per_day):
            self._require_tokens(period, limit, 1, now)
        self._num_running += 1
        for window in self._requests.values():
            window.add(1, now)

    def reserve(self, budget: Budget, num_tokens: int, now: float) -> int:
        """Set tokens aside for a request that was let in; returns how many `leave` must give back.

        Raises BudgetExceededError.
        """
        for period, limit in _limits(budget.tokens_per_minute, budget.tokens_per_day):
            self._require_tokens(period, limit, min(num_tokens, limit), now)
        self._reserved += num_tokens
        return num_tokens

    def leave(self, reserved: int, num_tokens: int, now: float) -> None:
        """A request is over: `num_tokens` is what it took."""
        self._num_running -= 1
        self._reserved -= reserved
        if num_tokens:
            for window in self._tokens.values():
                window.add(num_tokens, now)

    def standings(self, budget: Budget, now: float) -> dict[str, Standing]:
        """Where it stands with "requests" and with "tokens"; of the minute and the day the one with less left."""
        requests = _limits(budget.requests_per_minute, budget.requests_per_day)
        tokens = _limits(budget.tokens_per_minute, budget.tokens_per_day)
        found = {
            "requests": [_standing(self._requests[period], limit, 0, now) for period, limit in requests],
            "tokens": [_standing(self._tokens[period], limit, self._reserved, now) for period, limit in tokens],
        }
        return {what: min(standings, key=lambda one: one.remaining) for what, standings in found.items() if standings}

    def _require_tokens(self, period: str, limit: int, num_tokens: int, now: float) -> None:
        room = limit - num_tokens
        window = self._tokens[period]
        if window.total(now) + self._reserved <= room:
            return
        # Reservations end with their requests, at a time that nobody knows.
        wait = window.seconds_until(max(0, room - self._reserved), now) if room >= 0 else window.seconds_until(0, now)
        raise _exceeded(f"{limit} tokens per {period}", wait)


def _limits(per_minute: int | None, per_day: int | None) -> list[tuple[str, int]]:
    both = (("minute", per_minute), ("day", per_day))
    return [(period, limit) for period, limit in both if limit is not None]


def _standing(window: SlidingWindow, limit: int, reserved: int, now: float) -> Standing:
    remaining = max(0, limit - window.total(now) - reserved)
    return Standing(limit, remaining, window.seconds_until(0, now))


def _exceeded(what: str, wait_seconds: float) -> BudgetExceededError:
    return BudgetExceededError(
        f"this key's budget of {what} is used up", retry_after_seconds=max(1, math.ceil(wait_seconds))
    )
