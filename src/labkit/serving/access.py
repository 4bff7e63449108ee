"""Who may use an endpoint, put together: keys and their budgets, the ledger, and what the HTTP layers must know."""

import contextlib
import logging
import sqlite3
from collections.abc import Generator
from dataclasses import dataclass

from labkit.access.gate import Gate, PastUse
from labkit.access.key_file import KeyBook, KeyFile
from labkit.access.ledger import Ledger, past_day
from labkit.access.policy import AccessPolicy
from labkit.api import LOOPBACK_NAMES, Limits
from labkit.api.accounting import UsageObserver
from labkit.api.observation import Observer
from labkit.errors import RefusedError
from labkit.serving.listener import is_loopback

_logger = logging.getLogger("labkit.serving")


@dataclass(frozen=True, slots=True)
class Access:
    """What the layers of one endpoint need."""

    gate: Gate
    limits: Limits
    observers: tuple[Observer, ...]


@contextlib.contextmanager
def open_access(policy: AccessPolicy, host: str) -> Generator[Access, None, None]:
    """Access to an endpoint that listens on `host`; the ledger is whole when the block is left.

    Raises RefusedError for an address that other machines reach while there is no key, DataFolderError.
    """
    keys = KeyFile(policy.keys_path).read() if policy.keys_path else ()
    if not is_loopback(host) and not keys:
        raise RefusedError(
            f"binding to {host} opens the endpoint to other machines, and there is no API key yet",
            hint="make one with: labkit keys create NAME; or leave --host out, and reach it through a tunnel: "
            "ssh -L 8642:127.0.0.1:8642 HOST",
        )
    ledger = Ledger(policy.ledger_path, policy.keep_usage_days) if policy.ledger_path else None
    try:
        yield Access(
            gate=Gate(
                KeyBook(policy.keys_path),
                require_key=policy.require_key or not is_loopback(host),
                past=_past(policy),
            ),
            limits=Limits(
                host_names=LOOPBACK_NAMES | {_as_host_header(name) for name in policy.host_names},
                origins=frozenset(policy.origins),
            ),
            observers=(UsageObserver(ledger),) if ledger else (),
        )
    finally:
        if ledger:
            ledger.close()


def _past(policy: AccessPolicy) -> list[PastUse]:
    """What keys used before this endpoint started, so that a restart gives nobody a new day."""
    if policy.ledger_path is None:
        return []
    try:
        return past_day(policy.ledger_path)
    except (OSError, sqlite3.Error) as error:
        _logger.warning("the last day's use is not known, budgets start anew: %s", error)
        return []


def _as_host_header(host: str) -> str:
    bare = host.lower().strip("[]")
    return f"[{bare}]" if ":" in bare else bare
