"""Who may use an endpoint, from where, and what is kept of it: one frozen value that a plan or a file carries."""

import re
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import InputError

# In the folder of keys and usage.
KEYS_FILE = "keys.json"
LEDGER_FILE = "usage.db"
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?")
_HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]")


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The defaults are those of a private endpoint on loopback. Raises InputError for names that are none.

    Attributes:
        folder: where the keys and the usage ledger are (`Settings.access_folder`); None knows no key and keeps nothing.
        require_key: refuse requests without a key on loopback, too. On every other address this is so anyway.
        host_names: names beside the address itself that clients may use (`box.local`), without port.
        origins: web pages that may call from a browser, as `https://app.example`. None is allowed by default, and "*"
            is no origin: it would allow every page that a user opens.
        keep_usage: write what each request used to the ledger.
        keep_usage_days: days for which each request is kept; after that, sums per day, key and model remain.
        max_connections: open connections in all; one more gets 503.
        max_connections_per_address: the same for one address that is not this machine's own.
    """

    folder: Path | None = None
    require_key: bool = False
    host_names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    keep_usage: bool = True
    keep_usage_days: int = 90
    max_connections: int = 256
    max_connections_per_address: int = 32

    def __post_init__(self) -> None:
        for name in self.host_names:
            if not _HOST_NAME.fullmatch(name.lower()):
                raise InputError(
                    f"'{name}' is no host name", hint="write a name without scheme or port, such as box.local"
                )
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin.lower()):
                raise InputError(
                    f"'{origin}' is no origin", hint="write each as a browser does, such as https://app.example:8443"
                )
        for field in ("keep_usage_days", "max_connections", "max_connections_per_address"):
            if getattr(self, field) < 1:
                raise InputError(f"{field} is {getattr(self, field)}", hint="it must be 1 or more")

    @property
    def keys_path(self) -> Path | None:
        """The file of keys."""
        return self.folder and self.folder / KEYS_FILE

    @property
    def ledger_path(self) -> Path | None:
        """The usage ledger; None where nothing is kept."""
        return self.folder / LEDGER_FILE if self.folder and self.keep_usage else None
