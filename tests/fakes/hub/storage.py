"""The host that has the bytes. It refuses whoever brings a token: that was meant for the hub alone."""

import gzip
import os
import re
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

from fakes.hub.faults import Fault

if TYPE_CHECKING:
    from fakes.hub.box import HubBox

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_PIECE = 256 * 1024


def answer_storage(box: "HubBox", handler: BaseHTTPRequestHandler) -> None:
    """Answer one request for bytes, with the next fault if one is waiting."""
    box.note("storage", handler)
    if handler.headers["Authorization"] is not None:
        _plain(handler, 400, b"a token was sent to the storage host")
        return
    found = _find(box, handler.path)
    if found is None:
        _plain(handler, 404, b"no such blob")
        return
    content, digest = found
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    fault = box.next_fault() if handler.command == "GET" else None
    if fault is not None and fault.kind in ("status", "redirect", "html"):
        _answer_whole_fault(handler, fault)
        return
    _send_range(box, handler, content, size, digest, fault)


def _find(box: "HubBox", path: str) -> tuple[bytes | Path, str] | None:
    parts = path.partition("?")[0].strip("/").split("/")
    repo, digest = "/".join(parts[:2]), parts[-1]
    repository = box.repositories.get(repo)
    for name in repository.files if repository else ():
        if box.digest(repo, name) == digest:
            return repository.files[name], digest
    return None


def _plain(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def _answer_whole_fault(handler: BaseHTTPRequestHandler, fault: Fault) -> None:
    if fault.kind == "redirect":
        _plain(handler, 302, b"", Location=fault.location)
    elif fault.kind == "html":
        _plain(handler, 200, b"<html>Please log in to this network.</html>", Content_Type="text/html")
    else:
        headers = {"Retry_After": fault.retry_after} if fault.retry_after else {}
        _plain(handler, fault.status, b"busy", **headers)


def _send_range(
    box: "HubBox", handler: BaseHTTPRequestHandler, content: bytes | Path, size: int, digest: str, fault: Fault | None
) -> None:
    etag = f'"{digest}"'
    if fault is not None and fault.kind == "etag":
        etag = '"another"'
    asked = _RANGE.fullmatch(handler.headers["Range"] or "")
    same = handler.headers["If-Range"] in (None, etag)
    if asked is None or not same or (fault is not None and fault.kind == "whole"):
        start, end, status = 0, size, 200
    else:
        start, end, status = int(asked[1]), min(int(asked[2]) + 1 if asked[2] else size, size), 206
        if start >= size:
            _plain(handler, 416, b"", Content_Range=f"bytes */{size}")
            return
    stated = (start, end)
    if fault is not None and fault.kind in ("shifted", "lying_range"):
        moved = (min(start + fault.at, size - 1), min(end + fault.at, size))
        stated = moved if fault.kind == "shifted" else stated
        start, end = moved
    length = _stated_length(stated[1] - stated[0], fault)
    handler.send_response(status)
    handler.send_header("ETag", etag)
    handler.send_header("Accept-Ranges", "bytes")
    if fault is not None and fault.kind == "gzip":
        _send_gzip(handler, _read(content, start, end))
        return
    handler.send_header("Content-Length", str(length))
    if status == 206:
        handler.send_header("Content-Range", f"bytes {stated[0]}-{stated[1] - 1}/{size}")
    handler.end_headers()
    if handler.command == "HEAD":
        return
    _send_body(box, handler, content, (start, end), length, fault)


def _stated_length(length: int, fault: Fault | None) -> int:
    if fault is None or fault.kind not in ("short", "long"):
        return length
    return max(length - fault.at, 0) if fault.kind == "short" else length + fault.at


def _read(content: bytes | Path, start: int, end: int) -> bytes:
    if isinstance(content, bytes):
        return content[start:end]
    with content.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def _send_gzip(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    packed = gzip.compress(body)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(packed)))
    handler.end_headers()
    handler.wfile.write(packed)


def _send_body(
    box: "HubBox",
    handler: BaseHTTPRequestHandler,
    content: bytes | Path,
    span: tuple[int, int],
    length: int,
    fault: Fault | None,
) -> None:
    start, end = span
    if fault is None and isinstance(content, Path):
        _send_file(box, handler, content, start, end)
        return
    body = _read(content, start, end)
    if fault is not None and fault.kind == "flip" and body:
        place = min(fault.at, len(body) - 1)
        body = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
    if fault is not None and fault.kind == "long":
        body += b"\0" * fault.at
    body = body[:length]
    stops = fault is not None and fault.kind in ("cut", "stall")
    _send_slowly(box, handler, body[: fault.at] if stops and fault else body)
    if fault is not None and fault.kind == "stall":
        handler.server.stopping.wait(60)  # type: ignore[attr-defined]
    if stops or len(body) < length:
        handler.close_connection = True
        handler.connection.close()


def _send_file(box: "HubBox", handler: BaseHTTPRequestHandler, path: Path, start: int, end: int) -> None:
    handler.wfile.flush()
    with path.open("rb") as file:
        while start < end:
            most = _PIECE if box.bytes_per_second else 4 * 1024 * 1024
            sent = os.sendfile(handler.connection.fileno(), file.fileno(), start, min(end - start, most))
            if not sent:
                return
            box.count(sent)
            start += sent
            if box.bytes_per_second:
                time.sleep(sent / box.bytes_per_second)


def _send_slowly(box: "HubBox", handler: BaseHTTPRequestHandler, body: bytes) -> None:
    for place in range(0, len(body), _PIECE):
        piece = body[place : place + _PIECE]
        handler.wfile.write(piece)
        box.count(len(piece))
        if box.bytes_per_second:
            time.sleep(len(piece) / box.bytes_per_second)
