"""What a loss of power may take: whatever nobody asked the disk to keep.

Content that was not synced since it was written goes back to what was synced last. Names that were made, moved or
removed since their folder was synced last go back, the youngest first. Real file systems lose less; none loses more.
"""

# These calls are what is replaced.
# ruff: noqa: PTH103, PTH114, PTH116, PTH118, PTH120, PTH123

import itertools
import os
import shutil
import stat

_numbers = itertools.count()


class Power:
    """Follows the changes under `root`. Kinds: "power-data" (content goes), "power-names", "power" (both)."""

    def __init__(self, root):
        self.root = root
        self.side = f"{root.rstrip(os.sep)}.lost"
        self.synced = {}  # inode -> content
        self.dirty = set()
        self.undo = []  # (folder, what gives the name back)
        # The real calls: those of `os` are replaced later.
        self.link, self.rename, self.unlink = os.link, os.replace, os.unlink
        self.mkdir, self.open = os.mkdir, open
        os.makedirs(self.side, exist_ok=True)
        for folder, _, files in os.walk(root):
            for name in files:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    self.synced[os.stat(path).st_ino] = self._read(path)

    def before(self, name, path, *args):
        """What gives a name back that is about to change; to be told to `changed` when it did."""
        folder = os.path.dirname(path)
        if name in ("link", "symlink") or (name == "create" and not os.path.lexists(path)):
            return folder, lambda: self._forget(path)
        if name == "mkdir" and not os.path.lexists(path):
            return folder, lambda: shutil.rmtree(path)
        if name == "rmdir":
            return folder, lambda: self.mkdir(path)
        if name in ("unlink", "remove") and os.path.lexists(path):
            kept = self._keep(path)
            return folder, lambda: self.rename(kept, path)
        if name in ("rename", "replace"):
            source, kept = os.fspath(args[0]), self._keep(path) if os.path.lexists(path) else None
            return folder, lambda: self._move_back(source, path, kept)

        return None

    def changed(self, undo):
        """It did."""
        if undo is not None:
            self.undo.append(undo)

    def after(self, name, descriptor, path):
        """Content was written or synced."""
        status = os.fstat(descriptor)
        if name in ("fsync", "fdatasync"):
            if stat.S_ISDIR(status.st_mode):
                self.undo = [entry for entry in self.undo if entry[0] != path]
            else:
                self.dirty.discard(status.st_ino)
                self.synced[status.st_ino] = self._read(f"/proc/self/fd/{descriptor}")
        else:
            self.dirty.add(status.st_ino)

    def lose(self, kind):
        """The power goes."""
        if kind in ("power", "power-names"):
            for _, give_back in reversed(self.undo):
                give_back()
        if kind in ("power", "power-data"):
            self._lose_content()

    def _lose_content(self):
        for folder, _, files in os.walk(self.root):
            for name in files:
                path = os.path.join(folder, name)
                if not os.path.islink(path) and os.stat(path).st_ino in self.dirty:
                    with self.open(os.open(path, os.O_WRONLY | os.O_TRUNC), "wb", buffering=0) as file:
                        file.write(self.synced.get(os.stat(path).st_ino, b""))

    def _keep(self, path):
        kept = os.path.join(self.side, str(next(_numbers)))
        self.link(path, kept, follow_symlinks=False)
        return kept

    def _forget(self, path):
        if os.path.lexists(path):  # else it was moved into a folder that was synced
            self.unlink(path)

    def _move_back(self, source, path, kept):
        if os.path.lexists(path):
            self.rename(path, source)
        if kept is not None:
            self.rename(kept, path)

    def _read(self, path):
        with open(path, "rb") as file:
            return file.read()
