"""One request for a span of a file, and every way in which the answer can be wrong.

Nothing that a server says is taken on trust: a span that is not the one asked for, a page instead of a file, a
compressed body, a body of another length. What cannot be seen here (wrong bytes in a right answer) the hash finds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from labkit.hub.addresses import require_allowed, require_peer
from labkit.hub.client import endpoint, session, token_headers
from labkit.hub.part import Span
from labkit.hub.types import Location

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS, STALL_SECONDS = 10.0, 30.0
MAX_REDIRECTS = 4
MAX_WAIT_SECONDS = 120.0
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_BUSY = (408, 429, 500, 502, 503, 504)
_EXPIRED = (401, 403, 404, 410)


class WrongAnswerError(Exception):
    """The answer is not the span that was asked for. Another try may get it."""


class BusyError(Exception):
    """The server asks to come back after `seconds` (None: it does not say)."""

    def __init__(self, status: int, seconds: float | None) -> None:
        super().__init__(f"the server answers {status}")
        self.seconds = seconds


class ExpiredError(Exception):
    """The address is no longer good: the hub has to be asked for a new one."""


@dataclass
class Source:
    """Where spans come from, and what its answers have been like.

    Attributes:
        etag: strong tag of the first answer: later ones must be of the same file.
        sends_ranges: False once it answered a request for a span with the whole file.
    """

    location: Location
    etag: str | None = None
    sends_ranges: bool = True


def stream_span(source: Source, span: Span, *, stall_seconds: float = STALL_SECONDS) -> Iterator[tuple[int, bytes]]:
    """Pairs of offset and bytes within `span`, in order. Blocks. May end before the span does: ask again.

    A server that cannot send spans sends the whole file; what lies before the span is read and left out.
    Raises WrongAnswerError, BusyError, ExpiredError, RefusedError for a redirect that must not be followed, and
    httpx2's errors for a connection that breaks or stalls.
    """
    with _open(source, span, stall_seconds) as response:
        offset = _check(source, span, response)
        for chunk in response.iter_raw():
            data = memoryview(chunk)
            before = max(span.start - offset, 0)
            useful = data[before : max(span.end - offset, 0)]
            if useful:
                yield max(offset, span.start), bytes(useful) if before or len(useful) < len(data) else chunk
            offset += len(data)
            if offset >= span.end:
                return


class _open:  # noqa: N801  used as a function
    """A response, redirects followed by hand: each target is looked at, and the token stays with the hub."""

    def __init__(self, source: Source, span: Span, stall_seconds: float) -> None:
        self._source, self._span, self._stall = source, span, stall_seconds
        self._response: httpx2.Response | None = None

    def __enter__(self) -> "httpx2.Response":
        import httpx2

        url, on_hub = self._source.location.url, self._source.location.on_hub
        timeout = httpx2.Timeout(self._stall, connect=CONNECT_SECONDS)
        for _ in range(MAX_REDIRECTS):
            require_allowed(url, endpoint())
            headers = self._headers() | (token_headers() if on_hub else {})
            request = session().build_request("GET", url, headers=headers, timeout=timeout)
            self._response = session().send(request, stream=True, follow_redirects=False)
            if not self._response.is_redirect:
                require_peer(self._response, endpoint())
                return self._response
            self._response.close()
            url, on_hub = urljoin(url, self._response.headers.get("Location", "")), False
        raise WrongAnswerError("the server sends from one address to the next without end")

    def __exit__(self, *_: object) -> None:
        if self._response is not None:
            self._response.close()

    def _headers(self) -> dict[str, str]:
        headers = {"Range": f"bytes={self._span.start}-{self._span.end - 1}", "Accept-Encoding": "identity"}
        if self._source.etag:
            headers["If-Range"] = self._source.etag
        return headers


def _check(source: Source, span: Span, response: "httpx2.Response") -> int:
    """The offset at which the body starts. Raises when it is not what was asked for."""
    status, headers = response.status_code, response.headers
    if status in _BUSY:
        raise BusyError(status, retry_after_seconds(headers.get("Retry-After")))
    if status in _EXPIRED:
        raise ExpiredError(f"the server answers {status}")
    if status not in (200, 206):
        raise WrongAnswerError(f"the server answers {status}")
    if headers.get("Content-Encoding", "identity") != "identity":
        raise WrongAnswerError("the server compresses what it was asked to send as it is")
    size = source.location.size_bytes
    offset = _span_start(headers.get("Content-Range"), span, size) if status == 206 else 0
    if status == 200:
        if headers.get("Content-Length") not in (None, str(size)):
            raise WrongAnswerError("the server sends something else than the file")
        source.sends_ranges = source.sends_ranges and span == Span(0, size)
    _check_tag(source, headers.get("ETag"), status)
    return offset


def _span_start(stated: str | None, span: Span, size: int) -> int:
    match = _CONTENT_RANGE.fullmatch(stated or "")
    if match is None:
        raise WrongAnswerError("the server does not say which bytes it sends")
    start, last = int(match[1]), int(match[2])
    if start != span.start or last >= span.end or match[3] not in ("*", str(size)):
        raise WrongAnswerError(f"asked for bytes {span.start}-{span.end - 1} of {size}, the server sends {stated}")
    return start


def _check_tag(source: Source, tag: str | None, status: int) -> None:
    if tag is None or tag.startswith("W/"):
        return
    if source.etag is None:
        source.etag = tag
    elif source.etag != tag and status == 206:
        source.etag = None
        raise WrongAnswerError("the file changed on the server while it was read")
    else:
        source.etag = tag


def retry_after_seconds(text: str | None) -> float | None:
    """Seconds from a Retry-After header, a number or a date; None when it has none. At most two minutes."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        from datetime import UTC, datetime

        seconds = (date - datetime.now(UTC if date.tzinfo else None)).total_seconds()
    return min(max(seconds, 0.0), MAX_WAIT_SECONDS)
