"""Where keys are kept: one JSON file, readable by its user alone, replaced whole under a lock."""

import contextlib
import logging
import os
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from labkit.access.keys import ApiKey, Budget, digest_of, draw_key
from labkit.errors import DataFolderError, InputError
from labkit.files import make_folder, write_atomically
from labkit.hub.lock import FileLock

SCHEMA_VERSION = 1
MAX_NAME_CHARS = 64
_LOCK_SECONDS = 10.0
_OTHERS = 0o077
_logger = logging.getLogger("labkit.access")


@dataclass(frozen=True, slots=True)
class _Content:
    keys: tuple[ApiKey, ...] = ()
    schema_version: int = SCHEMA_VERSION


class KeyFile:
    """The keys of this installation. Methods block on the disk; several processes may use one file.

    All raise DataFolderError for a file that cannot be read, written or understood, or that other users can read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[ApiKey, ...]:
        """All keys, oldest first; none where there is no file."""
        try:
            if os.name != "nt" and self._path.stat().st_mode & _OTHERS:
                raise DataFolderError(f"other users may read {self._path}", hint=f"chmod 600 {self._path}")
            content = msgspec.json.decode(self._path.read_bytes(), type=_Content)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unusable(error.strerror or str(error), "check its permissions") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._unusable("it is no file of keys", "restore it, or remove it and make new keys") from error
        if content.schema_version > SCHEMA_VERSION:
            raise self._unusable("it is from a newer labkit", "pip install --upgrade labkit")
        return content.keys

    def create(
        self,
        name: str,
        *,
        budget: Budget | None = None,
        tenant: str = "",
        models: tuple[str, ...] = (),
        expires_at: float | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which nobody can read again. Raises InputError for a name that is taken or none."""
        _check_name(name)
        with self._changing() as keys:
            if any(key.name == name for key in keys):
                raise InputError(f"there is a key named '{name}'", hint=f"labkit keys revoke {name}, or another name")
            key_id, text = draw_key()
            while any(key.id == key_id for key in keys):
                key_id, text = draw_key()
            key = ApiKey(
                id=key_id,
                name=name,
                digest=digest_of(text),
                created_at=time.time(),
                tenant=tenant,
                models=models,
                expires_at=expires_at,
                budget=budget or Budget(),
            )
            self._write((*keys, key))
        return key, text

    def revoke(self, name: str) -> ApiKey:
        """Forget the key of that name or id. Running endpoints refuse it from their next request on."""
        with self._changing() as keys:
            gone = find_named(keys, name)
            self._write(tuple(key for key in keys if key is not gone))
        return gone

    def edit(self, name: str, **changes: object) -> ApiKey:
        """Change fields of the key of that name or id; its text stays. Raises InputError when there is none."""
        with self._changing() as keys:
            old = find_named(keys, name)
            new = replace(old, **changes)  # pyright: ignore[reportArgumentType]
            self._write(tuple(new if key is old else key for key in keys))
        return new

    def _write(self, keys: tuple[ApiKey, ...]) -> None:
        write_atomically(self._path, msgspec.json.format(msgspec.json.encode(_Content(keys)), indent=2) + b"\n")

    @contextlib.contextmanager
    def _changing(self) -> Generator[tuple[ApiKey, ...], None, None]:
        lock = FileLock(self._path.with_suffix(".lock"))
        end = time.monotonic() + _LOCK_SECONDS
        try:
            make_folder(self._path.parent)
            while not lock.try_acquire():
                if time.monotonic() > end:
                    raise self._unusable("another process holds its lock", "wait for it to end")
                time.sleep(0.02)
            try:
                yield self.read()
            finally:
                lock.release(remove=False)
        except OSError as error:
            raise self._unusable(error.strerror or str(error), "check the permissions of its folder") from error

    def _unusable(self, why: str, hint: str) -> DataFolderError:
        return DataFolderError(f"the keys in {self._path} cannot be used: {why}", hint=hint)


class KeyBook:
    """The keys as they are now, for a running endpoint: a change of the file is seen with the next request.

    Looking costs one stat. A file that cannot be used any more holds no key: better nobody than everybody.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._keys: tuple[ApiKey, ...] = ()

    def keys(self) -> tuple[ApiKey, ...]:
        """All of them."""
        if self._path is None:
            return ()
        seen = _signature(self._path)
        if seen != self._seen:
            self._seen = seen
            try:
                self._keys = KeyFile(self._path).read()
            except DataFolderError as error:
                _logger.error("no key is accepted: %s", error.message)  # the traceback says nothing more
                self._keys = ()
        return self._keys


def find_named(keys: tuple[ApiKey, ...], name: str) -> ApiKey:
    """The key of that name or id. Raises InputError with the names there are."""
    for key in keys:
        if name in (key.name, key.id):
            return key
    names = ", ".join(key.name for key in keys) or "none yet; labkit keys create NAME"
    raise InputError(f"there is no key named '{name}'", hint=f"there are: {names}")


def _check_name(name: str) -> None:
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable() or name != name.strip():
        raise InputError(
            f"'{name[:MAX_NAME_CHARS]!s}' is no name for a key",
            hint=f"take 1 to {MAX_NAME_CHARS} printable characters",
        )


def _signature(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # Each change is a new file, so that two changes within the clock's step differ too.
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode
