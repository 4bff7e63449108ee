"""A model file with more in its header, and everything else as it was."""

import struct

from fakes.gguf_writer import string, value

ALIGNMENT = 32
_COUNTS = struct.Struct("<4sIQQ")


def with_metadata(source, target, **entries):
    """Write `source` to `target` with `entries` (dots in their names as double underscores)."""
    raw = source.read_bytes()
    entries = {name.replace("__", "."): entry for name, entry in entries.items()}
    for name in entries:
        raw = raw.replace(string(name), string(f"{name[:-1]}-"), 1)  # what is there already gets out of the way
    magic, version, num_tensors, num_entries = _COUNTS.unpack_from(raw)
    added = b"".join(string(name) + value(entry) for name, entry in entries.items())
    # Tensors stay aligned: what is put in is as long as a multiple of the alignment, by one text that fills up.
    filler = string("padding") + value("")
    missing = -(len(added) + len(filler)) % ALIGNMENT
    added += string("padding") + value("." * missing)
    head = _COUNTS.pack(magic, version, num_tensors, num_entries + len(entries) + 1)
    target.write_bytes(head + added + raw[_COUNTS.size :])
    return target
