"""API keys: made, recognized, restricted. Pure; `key_file` keeps them.

A key reads `lk_<id>_<secret>`. The id is public: lists, ledgers and logs name a key by it. Of the rest only a sha256 is
kept, which is enough for 256 random bits: there is nothing to guess, so nothing to slow down.
"""

import fnmatch
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

PREFIX = "lk_"
_ID_BYTES = 4
_SECRET_BYTES = 32
_FORM = re.compile(r"lk_[0-9a-f]{8}_[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Budget:
    """What one key may use; None is without limit. Tokens are those of prompts and answers, cached ones included."""

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    concurrent_requests: int | None = None

    @property
    def is_limited(self) -> bool:
        """Whether anything is."""
        return self != Budget()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key as it is kept. Times are seconds since the epoch.

    Attributes:
        id: public part, 8 hexadecimal digits.
        name: what its owner called it; unique.
        digest: sha256 of the whole key, in hexadecimal.
        tenant: callers of one tenant share KV cells; "" is a tenant of its own.
        models: patterns of model names (`qwen3-*`) it may use; () for all.
        expires_at: None for never.
    """

    id: str
    name: str
    digest: str
    created_at: float
    tenant: str = ""
    models: tuple[str, ...] = ()
    expires_at: float | None = None
    budget: Budget = field(default_factory=Budget)

    @property
    def effective_tenant(self) -> str:
        """Its tenant's name: keys that name none share nothing."""
        return self.tenant or f"key {self.id}"

    def is_expired(self, now: float) -> bool:
        """Whether its time is over at `now`, seconds since the epoch."""
        return self.expires_at is not None and now >= self.expires_at

    def allows(self, *names: str) -> bool:
        """Whether it may use a model that goes by one of these names."""
        patterns = [pattern.casefold() for pattern in self.models]
        return not patterns or any(
            fnmatch.fnmatchcase(name.casefold(), pattern) for name in names for pattern in patterns
        )


def draw_key() -> tuple[str, str]:
    """The id and the whole text of a new key."""
    key_id = secrets.token_hex(_ID_BYTES)
    return key_id, f"{PREFIX}{key_id}_{secrets.token_hex(_SECRET_BYTES)}"


def digest_of(text: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def has_key_form(text: str) -> bool:
    """Whether a text could be one of labkit's keys. Clients that need some key send "none", "EMPTY" and the like."""
    return _FORM.fullmatch(text) is not None


def find_key(keys: Iterable[ApiKey], text: str) -> ApiKey | None:
    """The key whose text this is. Takes the same time whichever it is: all are compared."""
    digest = digest_of(text)
    found: ApiKey | None = None
    for key in keys:
        if hmac.compare_digest(digest, key.digest):
            found = key
    return found
