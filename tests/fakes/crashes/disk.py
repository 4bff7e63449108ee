"""A disk that fails, or ends the process, at its n-th change.

Every call that changes something under one folder is counted: opening for writing, write, sync, rename, link, unlink,
mkdir, chmod, truncate. It stands in front of the real calls of `os` and `open`, so labkit's own code runs unchanged.
"""

# These calls are what is replaced.
# ruff: noqa: PTH118, PTH119, PTH120

import builtins
import errno
import io
import os
import tarfile
import threading
import traceback

from fakes.crashes.power import Power

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
DIED = 9


class FaultyDisk:
    """Installed once, in a process that is thrown away.

    `kind` is "count" (nothing fails), "error" (one call fails), "broken" (that one and all later ones),
    "death" (the process ends before the call), or a loss of power, see `Power`.
    """

    def __init__(self, root, at, kind):
        self.root, self.at, self.kind = os.path.realpath(root) + os.sep, at, kind
        self.calls = []
        self.paths = {}  # open descriptors
        self.lock = threading.RLock()
        self.power = Power(self.root) if kind.startswith("power") else None
        self.real = {}

    def before(self, name, path):
        """Count a change; fail or die when it is its turn. False for paths that are not watched."""
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)) if path else ""
        if not path.startswith(self.root):
            return ""
        with self.lock:
            self.calls.append(f"{name} {path.removeprefix(self.root)}")
            number = len(self.calls)
            if self.kind == "count" or number < self.at or (number > self.at and self.kind != "broken"):
                return path
            if self.power is not None:
                try:
                    self.power.lose(self.kind)
                except BaseException:  # noqa: BLE001  it must be seen, and nothing may go on
                    traceback.print_exc()
                    os._exit(1)
            if self.kind != "error" and self.kind != "broken":
                os._exit(DIED)
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    def install(self):
        for name in ("unlink", "remove", "rmdir", "mkdir", "chmod", "truncate"):
            self._wrap_path(name, 0)
        for name in ("rename", "replace", "link", "symlink"):
            self._wrap_path(name, 1)
        for name in ("write", "pwrite", "fsync", "fdatasync", "ftruncate", "sendfile"):
            self._wrap_descriptor(name)
        self._wrap_open()
        self._wrap_files()

    def _wrap_path(self, name, which):
        real = self.real[name] = getattr(os, name)

        def call(*args, **kwargs):
            path = self.before(name, os.fspath(args[which]))
            with self.lock:
                undo = self.power.before(name, path, *args) if path and self.power is not None else None
                done = real(*args, **kwargs)
                if self.power is not None:
                    self.power.changed(undo)
                return done

        setattr(os, name, call)

    def _wrap_descriptor(self, name):
        real = self.real[name] = getattr(os, name)

        def call(descriptor, *args, **kwargs):
            path = self.before(name, self.paths.get(descriptor, ""))
            with self.lock:
                # Nothing here outlives the test, so nothing has to reach a real disk.
                done = None if path and "sync" in name else real(descriptor, *args, **kwargs)
                if path and self.power is not None:
                    self.power.after(name, descriptor, path)
                return done

        setattr(os, name, call)
        if name == "pwrite":
            from labkit.hub import part, positioned

            part.pwrite = positioned.pwrite = call

    def _wrap_open(self):
        real = self.real["open"] = os.open

        def call(path, flags, *args, **kwargs):
            place = self.before("open", os.fspath(path)) if flags & WRITING else os.path.realpath(path)
            with self.lock:
                watched = place and self.power is not None and flags & os.O_CREAT
                undo = self.power.before("create", place, path) if watched else None
                descriptor = real(path, flags, *args, **kwargs)
                if self.power is not None:
                    self.power.changed(undo)
                self.paths[descriptor] = place
                return descriptor

        os.open = call

    def _wrap_files(self):
        real = io.open

        def call(file, mode="r", *args, **kwargs):
            if not set("wax+") & set(mode):
                return real(file, mode, *args, **kwargs)
            if not isinstance(file, int):
                file = os.open(file, os.O_CREAT | os.O_RDWR | (os.O_TRUNC if "w" in mode else 0), 0o666)
            return io.BufferedWriter(_Raw(file))

        io.open = builtins.open = tarfile.bltn_open = call


class _Raw(io.RawIOBase):
    """A file whose writes are the counted ones."""

    def __init__(self, descriptor):
        self._descriptor = self.name = descriptor

    def fileno(self):
        return self._descriptor

    def writable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        return os.lseek(self._descriptor, offset, whence)

    def tell(self):
        return os.lseek(self._descriptor, 0, 1)

    def write(self, data):
        return os.write(self._descriptor, data)

    def close(self):
        if not self.closed:
            super().close()
            os.close(self._descriptor)
