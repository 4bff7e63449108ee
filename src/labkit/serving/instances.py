"""Running endpoints of this user: one private record for each in the data folder, which goes when its endpoint does.

A record names the process and when that began, so that one whose process is gone, or whose number another process has
been given since, is known to be stale.
"""

import contextlib
import logging
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from labkit.errors import ModelNotFoundError
from labkit.files import make_folder, write_atomically
from labkit.settings import Settings

START_TOLERANCE_SECONDS = 2.0
_logger = logging.getLogger("labkit.serving")


@dataclass(frozen=True, slots=True)
class Instance:
    """A running endpoint.

    Attributes:
        process_started: seconds since the epoch, as the system says; tells apart processes of one number.
        started: when it began to answer, seconds since the epoch.
        models: names that could be asked for at the start.
        control_token: what `labkit ps` and `stop` show to it; whoever can read the record may control it.
    """

    url: str
    pid: int
    process_started: float
    started: float
    models: tuple[str, ...]
    control_token: str


def run_folder(settings: Settings) -> Path:
    """Where the records are."""
    return settings.data_folder / "run"


def instance_of(url: str, models: tuple[str, ...], control_token: str) -> Instance:
    """A record of this process."""
    process = psutil.Process()
    return Instance(url, process.pid, process.create_time(), time.time(), models, control_token)


@contextlib.contextmanager
def recorded(instance: Instance, folder: Path) -> Generator[None, None, None]:
    """Keep the record while the block runs. On a full disk there is none: an endpoint is worth more than its record."""
    path = folder / f"{instance.pid}-{instance.url.rpartition(':')[2]}.json"
    try:
        make_folder(folder)
        write_atomically(path, msgspec.json.encode(instance))
    except OSError as error:
        _logger.warning("labkit ps and labkit stop will not find this endpoint: no record in %s: %s", folder, error)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def running_instances(folder: Path) -> tuple[Instance, ...]:
    """Endpoints whose processes live, oldest first. Removes records of others."""
    found = []
    for path in sorted(folder.glob("*.json")):
        instance = _read(path)
        if instance is not None and is_alive(instance):
            found.append(instance)
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return tuple(sorted(found, key=lambda instance: instance.started))


def is_alive(instance: Instance) -> bool:
    """Whether its process still is the one that wrote the record."""
    try:
        process = psutil.Process(instance.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - instance.process_started) < START_TOLERANCE_SECONDS
    except psutil.Error:
        return False


def find_instance(text: str, instances: tuple[Instance, ...]) -> Instance | None:
    """The one at that URL, host:port or port, where `text` is one of these."""
    wanted = text.rstrip("/").removesuffix("/v1")
    for instance in instances:
        address = instance.url.partition("://")[2]
        if wanted in (instance.url, address, address.rpartition(":")[2], str(instance.pid)):
            return instance
    if "://" in text:
        known = ", ".join(instance.url for instance in instances) or "none"
        raise ModelNotFoundError(text, message=f"no endpoint of yours runs at {text}", hint=f"running: {known}")
    return None


def signal_to_stop(instance: Instance) -> bool:
    """Ask its process to end: it drains, and a second call drops what still runs. False when it is gone."""
    if not is_alive(instance):
        return False
    try:
        psutil.Process(instance.pid).terminate()
    except psutil.Error:
        return False
    return True


def _read(path: Path) -> Instance | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Instance)
    except (OSError, msgspec.DecodeError):
        return None
