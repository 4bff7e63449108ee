import socket

import pytest

from labkit.errors import PortInUseError, RefusedError
from labkit.serving.listener import open_listener, url_of


def test_port_zero_takes_a_free_one_and_tells():
    with open_listener("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener) == f"http://127.0.0.1:{port}"
        assert port > 0


def test_a_port_in_use_says_what_to_type():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=str(port)) as caught:
            open_listener("127.0.0.1", port)
    assert f"--port {port + 1}" in caught.value.hint
    assert "--port 0" in caught.value.hint


def test_two_listeners_of_ours_cannot_share_a_port():
    with open_listener("127.0.0.1", 0) as first, pytest.raises(PortInUseError):
        open_listener("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_other_machines_are_kept_out(host):
    with pytest.raises(RefusedError, match="API keys") as caught:
        open_listener(host, 0)
    assert "ssh -L" in caught.value.hint


def test_every_name_of_this_machine_works():
    with open_listener("localhost", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
    with open_listener("127.0.0.2", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.2"
