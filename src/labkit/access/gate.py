"""The door of a running endpoint: who comes with which key, and whether that key's budget lets the request in."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from labkit.access.key_file import KeyBook
from labkit.access.keys import ApiKey, find_key, has_key_form
from labkit.access.meter import Meter, Standing
from labkit.errors import AuthenticationError, RefusedError

_WHERE = "send it as 'Authorization: Bearer lk_...'; keys are made with: labkit keys create NAME"


@dataclass(frozen=True, slots=True)
class PastUse:
    """What a key used some time ago, in an earlier run of the endpoint."""

    key_id: str
    age_seconds: float
    num_requests: int
    num_tokens: int


class Visit:
    """One request of one key, from the moment it is let in. `leave` must be called once."""

    def __init__(self, key: ApiKey, meter: Meter, now: Callable[[], float]) -> None:
        self.key = key
        self._meter = meter
        self._now = now
        self._reserved = 0

    def reserve(self, num_tokens: int) -> None:
        """Set tokens aside until the request ends. Raises BudgetExceededError."""
        self._reserved += self._meter.reserve(self.key.budget, num_tokens, self._now())

    def leave(self, num_tokens: int) -> None:
        """The request is over, and took so many tokens."""
        self._meter.leave(self._reserved, num_tokens, self._now())


class Gate:
    """Used from one event loop. Times are monotonic, but for the expiry of keys, which is a date."""

    def __init__(
        self,
        book: KeyBook,
        *,
        require_key: bool,
        past: Iterable[PastUse] = (),
        now: Callable[[], float] = time.monotonic,
        today: Callable[[], float] = time.time,
    ) -> None:
        self._book = book
        self._require_key = require_key
        self._now = now
        self._today = today
        self._meters: dict[str, Meter] = {}
        for use in sorted(past, key=lambda use: -use.age_seconds):
            self._meter(use.key_id).restore(use.num_requests, use.num_tokens, use.age_seconds, now())

    @property
    def requires_key(self) -> bool:
        """Whether nobody gets in without one."""
        return self._require_key

    def identify(self, presented: Iterable[str]) -> ApiKey | None:
        """The key that a request comes with; None for nobody in particular, where that is allowed.

        Raises AuthenticationError for a key that is not (or no longer) known, and for none where one is needed. Words
        that cannot be a key count as none: many clients insist on sending something.
        """
        keys, presented = self._book.keys(), list(presented)
        texts = [text for text in presented if has_key_form(text)]
        for text in texts:
            key = find_key(keys, text)
            if key is not None and not key.is_expired(self._today()):
                return key
        if texts:
            raise AuthenticationError("this API key is not known, was revoked, or has expired", hint=_WHERE)
        if self._require_key:
            but = ", and what was sent is none of labkit's" if any(presented) else ""
            raise AuthenticationError(f"this endpoint needs an API key{but}", hint=_WHERE)
        return None

    def enter(self, key: ApiKey) -> Visit:
        """Let a request of `key` in. Raises BudgetExceededError."""
        meter = self._meter(key.id)
        meter.enter(key.budget, self._now())
        return Visit(key, meter, self._now)

    def standings(self, key: ApiKey) -> dict[str, Standing]:
        """Where a key stands with "requests" and "tokens"; without what it has no limit of."""
        return self._meter(key.id).standings(key.budget, self._now())

    def _meter(self, key_id: str) -> Meter:
        return self._meters.setdefault(key_id, Meter())


def require_model(key: ApiKey, *names: str) -> None:
    """Raise RefusedError when `key` may not use the model that goes by these names."""
    if not key.allows(*names):
        raise RefusedError(
            f"this API key may not use the model '{names[0][:200]}'", hint=f"it may use: {', '.join(key.models)}"
        )
