import socket

import pytest

from labkit.errors import InputError, PortInUseError
from labkit.serving.listener import SEND_BUFFER_BYTES, is_loopback, open_listener, url_of


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


@pytest.mark.parametrize("host", ["example.org", "", "*", "1.2.3", "http://127.0.0.1"])
def test_what_is_no_address_is_refused(host):
    with pytest.raises(InputError, match="not an address") as caught:
        open_listener(host, 0)
    assert "--host-name" in caught.value.hint


def test_another_machine_s_address_is_none_of_ours():
    with pytest.raises(InputError, match="cannot listen"):
        open_listener("192.0.2.1", 0)


@pytest.mark.parametrize(("host", "url"), [("0.0.0.0", "http://127.0.0.1:"), ("::", "http://[::1]:")])
def test_all_addresses_are_reached_at_home_through_loopback(host, url):
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with open_listener(host, 0) as listener:
        assert url_of(listener).startswith(url)
        with socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=5):
            pass  # "::" takes both kinds


@pytest.mark.parametrize(
    ("host", "is_home"),
    [("localhost", True), ("127.0.0.9", True), ("[::1]", True), ("::1", True), ("0.0.0.0", False), ("::", False)],
)
def test_what_only_this_machine_reaches(host, is_home):
    assert is_loopback(host) == is_home


def test_the_kernel_keeps_little_of_what_is_not_read():
    with open_listener("127.0.0.1", 0) as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER_BYTES


def test_every_name_of_this_machine_works():
    with open_listener("localhost", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
    with open_listener("127.0.0.2", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.2"
