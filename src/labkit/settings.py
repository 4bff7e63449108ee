"""Settings of this installation: frozen, and read from the environment once, at the edge."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import DataFolderError, InputError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8642


@dataclass(frozen=True, slots=True)
class Settings:
    """Paths and defaults; `LABKIT_*` variables override each.

    Attributes:
        data_folder: models, measurements, logs (`LABKIT_HOME`).
        host: address the endpoint binds to (`LABKIT_HOST`).
        port: port the endpoint binds to, 0 for any free one (`LABKIT_PORT`).
    """

    data_folder: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT

    @property
    def models_folder(self) -> Path:
        """GGUF files that a user drops in are found here."""
        return self.data_folder / "models"

    @property
    def store_folder(self) -> Path:
        """Models that labkit pulled or adopted; see `labkit.store.layout`."""
        return self.data_folder / "store"

    @property
    def catalog_folder(self) -> Path:
        """Catalogue files (*.json, *.toml) that a user drops in are found here."""
        return self.data_folder / "catalog"

    @property
    def profiles_folder(self) -> Path:
        """Machine profiles (*.toml, *.json) that a user drops in are found here by name."""
        return self.data_folder / "profiles"

    @property
    def devices_folder(self) -> Path:
        """Tables of devices (*.json) that a user drops in are found here."""
        return self.catalog_folder / "devices"

    @property
    def measurements_folder(self) -> Path:
        """Measurements of this machine, kept between commands."""
        return self.data_folder / "measurements"

    @property
    def access_folder(self) -> Path:
        """API keys (as hashes) and the ledger of what was used; readable by the user alone."""
        return self.data_folder / "access"

    @property
    def prefixes_folder(self) -> Path:
        """KV cells of prompts that a later run may find again; anything in it may be deleted."""
        return self.data_folder / "prefixes"

    @property
    def synthetic_folder(self) -> Path:
        """Models with random weights, written for measurements; anything in it may be deleted."""
        return self.data_folder / "synthetic"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environment` (the process's own by default). Touches no file.

    Raises InputError for a value that does not parse.
    """
    env = os.environ if environment is None else environment
    return Settings(
        data_folder=_data_folder(env),
        host=env.get("LABKIT_HOST", DEFAULT_HOST),
        port=_port(env.get("LABKIT_PORT", str(DEFAULT_PORT))),
    )


def ensure_writable(folder: Path) -> Path:
    """Make `folder` (private to the user) and prove that it can be written. Returns it.

    Raises DataFolderError with what to do otherwise.
    """
    probe = folder / ".write-test"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may prove the same
    except OSError as error:
        raise DataFolderError(
            f"cannot write to the data folder {folder}: {error.strerror or error}",
            hint="make it writable, or choose another folder: LABKIT_HOME=~/labkit-data labkit ...",
        ) from error
    return folder


def _data_folder(env: Mapping[str, str]) -> Path:
    if home := env.get("LABKIT_HOME"):
        return Path(home).expanduser()
    from platformdirs import user_data_path  # costs 10 ms that `labkit --help` need not pay

    return user_data_path("labkit", appauthor=False)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise InputError(f"LABKIT_PORT is '{text}'", hint="set it to a number between 0 and 65535")
