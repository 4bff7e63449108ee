import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.engine.tiers.identity import Identity, packed
from labkit.engine.tiers.record import (
    HEADER_BYTES,
    MAGIC,
    InvalidRecordError,
    read_header,
    read_state,
    record_key,
    render_header,
)

IDENTITY = Identity("model", "build").digest
TOKENS = packed([5, 6, 7])
STATE = bytes(range(40))
RECORD = render_header(IDENTITY, TOKENS, STATE) + STATE


def read(raw: bytes):
    file = io.BytesIO(raw)
    header = read_header(file, len(raw))
    return header, read_state(file, header)


def test_a_record_says_what_it_is_of():
    header, state = read(RECORD)
    assert (header.identity, header.tokens, state) == (IDENTITY, TOKENS, STATE)
    assert header.size_bytes == len(RECORD)
    assert header.key == record_key(IDENTITY, TOKENS)


def test_every_flipped_bit_is_noticed():
    for place in range(len(RECORD)):
        for bit in range(8):
            damaged = bytearray(RECORD)
            damaged[place] ^= 1 << bit
            with pytest.raises(InvalidRecordError):
                read(bytes(damaged))


def test_every_cut_and_every_appended_byte_is_noticed():
    for length in range(len(RECORD)):
        with pytest.raises(InvalidRecordError):
            read(RECORD[:length])
    with pytest.raises(InvalidRecordError):
        read(RECORD + b"\0")


@given(st.binary(max_size=300), st.booleans())
def test_foreign_files_are_refused_and_nothing_large_is_allocated(raw, has_magic):
    with pytest.raises(InvalidRecordError):
        read(MAGIC + raw if has_magic else raw)


def test_a_part_overwritten_by_another_record_is_noticed():
    other = render_header(IDENTITY, packed([5, 6, 8]), STATE[::-1]) + STATE[::-1]
    for cut in (HEADER_BYTES, HEADER_BYTES + len(TOKENS), len(RECORD) - 20):
        with pytest.raises(InvalidRecordError):
            read(RECORD[:cut] + other[cut:])
