import pytest
from starlette.datastructures import Headers

from labkit.api.origins import LOOPBACK_NAMES, check_origin, check_query, own_address
from labkit.errors import InvalidRequestError, RefusedError


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8642", "127.0.0.1:1", "[::1]:8642", "[::1]"])
def test_loopback_hosts_are_let_in(host):
    check_origin(Headers({"host": host}), "POST", LOOPBACK_NAMES)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8642", "evil.example:127.0.0.1",
     "localhost:80:evil", "::1", "0.0.0.0", "127.0.0.2", "localhost:", "localhost:٣"],
)  # fmt: skip
def test_other_hosts_are_refused(host):
    # Header values travel as latin-1; what cannot be one is replaced as a server would.
    headers = Headers(raw=[(b"host", host.encode("latin-1", "replace"))])
    with pytest.raises(RefusedError, match="Host"):
        check_origin(headers, "GET", LOOPBACK_NAMES)


def test_no_host_is_refused():
    with pytest.raises(RefusedError):
        check_origin(Headers({}), "GET", LOOPBACK_NAMES)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", "http://localhost", ""])
def test_foreign_origins_are_refused(origin):
    with pytest.raises(RefusedError, match="Origin"):
        check_origin(Headers({"host": "localhost:8642", "origin": origin}), "GET", LOOPBACK_NAMES)


def test_the_own_page_is_let_in():
    headers = {"host": "localhost:8642", "origin": "http://localhost:8642", "sec-fetch-site": "same-origin"}
    check_origin(Headers(headers), "POST", LOOPBACK_NAMES)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_requests_of_other_sites_may_not_change_anything(site):
    headers = Headers({"host": "localhost", "sec-fetch-site": site})
    with pytest.raises(RefusedError, match="Sec-Fetch-Site"):
        check_origin(headers, "POST", LOOPBACK_NAMES)
    check_origin(headers, "GET", LOOPBACK_NAMES)


def test_two_hosts_are_none():
    with pytest.raises(RefusedError, match="Host"):
        check_origin(Headers(raw=[(b"host", b"localhost"), (b"host", b"localhost")]), "GET", LOOPBACK_NAMES)


def test_a_listed_page_is_let_in_and_no_other():
    listed = {"https://app.example"}
    headers = {"host": "localhost", "origin": "https://App.example", "sec-fetch-site": "cross-site"}
    assert check_origin(Headers(headers), "POST", LOOPBACK_NAMES, listed) == "https://App.example"
    for origin in ("https://app.example.evil", "http://app.example", "https://app.example:1", "null"):
        with pytest.raises(RefusedError, match="Origin"):
            check_origin(Headers({"host": "localhost", "origin": origin}), "POST", LOOPBACK_NAMES, listed)


@pytest.mark.parametrize(
    ("server", "host"),
    [("192.168.1.5", "192.168.1.5"), ("::ffff:192.168.1.5", "192.168.1.5"), ("fd00::1", "[fd00::1]")],
)
def test_the_address_that_a_client_came_to_is_a_host(server, host):
    assert own_address({"server": (server, 8642)}) == {host}


def test_a_server_without_address_has_no_name():
    assert own_address({"server": None}) == set()


def test_a_key_in_a_url_is_refused():
    check_query(b"limit=3&name=lk_x")
    with pytest.raises(InvalidRequestError, match="URL") as caught:
        check_query(b"api_key=lk_0123abcd_ffff")
    assert "ffff" not in str(caught.value)
