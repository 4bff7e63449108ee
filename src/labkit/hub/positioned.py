"""Reading and writing at a place of an open file, from several threads, on every system."""

import os
import sys
import threading

if sys.platform != "win32":
    pread, pwrite = os.pread, os.pwrite
else:  # Windows has one position for each open file
    _position = threading.Lock()  # protects it between the two calls

    def pread(descriptor: int, num_bytes: int, offset: int) -> bytes:
        """At most `num_bytes` from `offset` on."""
        with _position:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, num_bytes)

    def pwrite(descriptor: int, data: bytes | memoryview, offset: int) -> int:
        """Write at `offset`; returns how many bytes were taken."""
        with _position:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.write(descriptor, data)
