import pytest
from starlette.datastructures import Headers

from labkit.api.limits import LOOPBACK_NAMES, check_content, check_origin
from labkit.errors import RefusedError, UnsupportedContentError


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


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_accepted(kind):
    check_content(Headers({"content-type": kind}))


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; a=b"])
def test_what_a_web_form_can_send_is_refused(kind):
    with pytest.raises(UnsupportedContentError, match="content type"):
        check_content(Headers({"content-type": kind}))


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity"])
def test_compressed_bodies_are_refused(coding):
    with pytest.raises(UnsupportedContentError, match="compressed"):
        check_content(Headers({"content-type": "application/json", "content-encoding": coding}))
