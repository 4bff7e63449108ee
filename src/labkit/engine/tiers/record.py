"""A saved state as a file: header, tokens, state; every byte is covered by one of two checksums.

    magic 8 | version u32 | identity 32 | number of tokens u32 | state bytes u64 | SHA-256 of the state 32
    | SHA-256 of everything before and of the tokens 32 | tokens, 4 bytes each | state

The checksums are what makes a damaged file harmless: llama.cpp itself accepts many damaged states and then answers
with nonsense. Little-endian throughout.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import BinaryIO

from labkit.engine.tiers.prefixes import TOKEN_BYTES

MAGIC = b"LABKITKV"
VERSION = 1
SUFFIX = ".kv"
_FIELDS = struct.Struct("<8sI32sIQ32s")
_DIGEST_BYTES = 32
HEADER_BYTES = _FIELDS.size + _DIGEST_BYTES
MAX_TOKENS = 1 << 24


class InvalidRecordError(ValueError):
    """Not a whole record of this version. Never leaves the tiers."""


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """What a file says of its state. `tokens` are packed."""

    identity: bytes
    tokens: bytes
    state_bytes: int
    state_digest: bytes

    @property
    def key(self) -> str:
        """Name of the state: a hash of what it was computed from."""
        return record_key(self.identity, self.tokens)

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole file."""
        return HEADER_BYTES + len(self.tokens) + self.state_bytes


def record_key(identity: bytes, tokens: bytes) -> str:
    """Hash of identity and packed tokens, in hex."""
    return hashlib.sha256(identity + tokens).hexdigest()


def render_header(identity: bytes, tokens: bytes, state: bytes) -> bytes:
    """Header and tokens; the state follows them in the file. Takes the time of hashing the state."""
    state_digest = hashlib.sha256(state).digest()
    fields = _FIELDS.pack(MAGIC, VERSION, identity, len(tokens) // TOKEN_BYTES, len(state), state_digest)
    return fields + hashlib.sha256(fields + tokens).digest() + tokens


def read_header(file: BinaryIO, file_bytes: int) -> RecordHeader:
    """Read and check all but the state. Raises InvalidRecordError, OSError."""
    raw = file.read(HEADER_BYTES)
    if len(raw) < HEADER_BYTES or raw[: len(MAGIC)] != MAGIC:
        raise InvalidRecordError("not a saved state")
    _, version, identity, num_tokens, state_bytes, state_digest = _FIELDS.unpack_from(raw)
    if version != VERSION:
        raise InvalidRecordError(f"version {version}, not {VERSION}")
    if num_tokens > MAX_TOKENS or HEADER_BYTES + num_tokens * TOKEN_BYTES + state_bytes != file_bytes:
        raise InvalidRecordError("cut, or longer than it says")
    tokens = file.read(num_tokens * TOKEN_BYTES)
    if hashlib.sha256(raw[: _FIELDS.size] + tokens).digest() != raw[_FIELDS.size :]:
        raise InvalidRecordError("damaged header")
    return RecordHeader(identity, tokens, state_bytes, state_digest)


def read_state(file: BinaryIO, header: RecordHeader) -> bytes:
    """The state behind a header just read. Raises InvalidRecordError, OSError."""
    state = file.read(header.state_bytes)
    if len(state) != header.state_bytes or hashlib.sha256(state).digest() != header.state_digest:
        raise InvalidRecordError("damaged state")
    return state
