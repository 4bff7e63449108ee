"""What llama-fit-params prints, and the made-up cards it is asked about."""

import socket
import struct

import pytest

from peers.build import PeerError
from peers.cards import GET_DEVICE_MEMORY, HELLO, cards
from peers.fit_params import FitAnswer, parse_answer


def test_plain_answers():
    assert parse_answer("-c 4096 -ngl 18\n") == FitAnswer(4096, 18)
    assert parse_answer("-c 100352 -ngl 33 -ts 20,13\n") == FitAnswer(100352, 33, (20, 13))


def test_partial_layers_and_where_their_rest_goes():
    first = r"blk\.30\.ffn_(gate|gate_up|down).*=RPC1[127.0.0.1:1]"
    second = r"blk\.31\.ffn_(up|down|gate_up|gate)_(ch|)exps=CPU"
    text = f'-c 4096 -ngl 49 -ts 31,18 -ot "{first},{second}"'
    assert parse_answer(text).partial == ((30, "up", "RPC"), (31, "experts", "CPU"))


def test_anything_else_is_an_error():
    with pytest.raises(PeerError, match="printed"):
        parse_answer("usage: ...")


def ask(connection, command, payload=b""):
    connection.sendall(struct.pack("<BQ", command, len(payload)) + payload)
    (size,) = struct.unpack("<Q", connection.recv(8, socket.MSG_WAITALL))
    return connection.recv(size, socket.MSG_WAITALL)


def test_cards_report_the_memory_they_were_made_with():
    with cards((4 << 30, 8 << 30)) as address:
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            assert ask(connection, HELLO, bytes(24))[:3] == bytes((7, 0, 0))
            answer = ask(connection, GET_DEVICE_MEMORY, struct.pack("<I", 1))
            assert struct.unpack("<2Q", answer) == (8 << 30, 8 << 30)
