"""Two servers on loopback: the hub (model info, tree, resolve) and the storage that it redirects to.

They listen on different ports, so they are different hosts to a client that is careful with its token. Each request
is written down. Faults are taken from a list, one for each request for a file's bytes.
"""

import contextlib
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from fakes.hub.faults import Fault
from fakes.hub.storage import answer_storage

TOKEN = "hf_box_token_of_a_person"


@dataclass
class BoxRepository:
    """A repository: file names to their bytes or to a file that has them.

    Attributes:
        gated: "manual" or "auto": without the token its files are refused.
        lfs: names that are stored as LFS files, by their ending.
    """

    files: dict[str, bytes | Path]
    license: str | None = "apache-2.0"
    gated: str | bool = False
    private: bool = False
    lfs: tuple[str, ...] = (".gguf", ".safetensors")
    branches: tuple[str, ...] = ("main",)

    @property
    def commit(self) -> str:
        """Changes with the content, as a commit does."""
        names = [(name, self.sha256(name)) for name in sorted(self.files)]
        return hashlib.sha1(repr((names, self.license)).encode()).hexdigest()

    def is_lfs(self, name: str) -> bool:
        return name.endswith(self.lfs)

    def size(self, name: str) -> int:
        content = self.files[name]
        return len(content) if isinstance(content, bytes) else content.stat().st_size

    def sha256(self, name: str) -> str:
        content = self.files[name]
        if isinstance(content, bytes):
            return hashlib.sha256(content).hexdigest()
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Seen:
    """One request as a server saw it."""

    server: str
    method: str
    path: str
    range: str | None
    authorization: str | None


@dataclass
class HubBox:
    """The running pair. `sent_bytes` counts bodies of files, whatever became of them on the way."""

    repositories: dict[str, BoxRepository]
    url: str = ""
    storage_url: str = ""
    faults: list[Fault] = field(default_factory=list)
    hub_faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    seen: list[Seen] = field(default_factory=list)
    sent_bytes: int = 0
    bytes_per_second: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    digests: dict[tuple[str, str], str] = field(default_factory=dict)
    open_connections: Callable[[], list[socket.socket]] = list

    def digest(self, repo: str, name: str) -> str:
        key = (repo, name)
        if key not in self.digests:
            self.digests[key] = self.repositories[repo].sha256(name)
        return self.digests[key]

    def next_fault(self) -> Fault | None:
        with self.lock:
            return self.faults.pop(0) if self.faults else self.always

    def note(self, server: str, handler: BaseHTTPRequestHandler) -> None:
        with self.lock:
            self.seen.append(
                Seen(server, handler.command, handler.path, handler.headers["Range"], handler.headers["Authorization"])
            )

    def count(self, num_bytes: int) -> None:
        with self.lock:
            self.sent_bytes += num_bytes

    def break_connections(self) -> None:
        """Close every connection to the storage, whatever is on its way."""
        for connection in self.open_connections():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def ranges(self) -> list[str | None]:
        """The ranges that the storage was asked for, in order."""
        return [seen.range for seen in self.seen if seen.server == "storage" and seen.method == "GET"]

    def environment(self) -> dict[str, str]:
        """Variables under which the real client talks to this hub and to nothing else."""
        return {"HF_ENDPOINT": self.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}


@contextlib.contextmanager
def hub_box(repositories: dict[str, BoxRepository]) -> Iterator[HubBox]:
    """The servers, for as long as the block lasts."""
    box = HubBox(repositories)
    servers = [_Server(("127.0.0.1", 0), _handler(box, answer)) for answer in (_answer_hub, answer_storage)]
    box.url, box.storage_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    box.open_connections = servers[1].open_connections
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield box
    finally:
        for server in servers:
            server.stopping.set()
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *args) -> None:
        self.stopping = threading.Event()
        self._open: list[socket.socket] = []
        super().__init__(*args)

    def process_request(self, request, client_address) -> None:
        self._open.append(request)
        super().process_request(request, client_address)

    def open_connections(self) -> list[socket.socket]:
        self._open = [connection for connection in self._open if connection.fileno() >= 0]
        return self._open

    def handle_error(self, request, client_address) -> None:  # clients that leave are the point of many tests
        pass


def _handler(box: HubBox, answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(box, self)

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, *args) -> None:
            pass

    return Handler


def send_json(handler: BaseHTTPRequestHandler, document: object, status: int = 200, **headers: str) -> None:
    body = json.dumps(document).encode()
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def _answer_hub(box: HubBox, handler: BaseHTTPRequestHandler) -> None:
    box.note("hub", handler)
    length = int(handler.headers["Content-Length"] or 0)
    body = handler.rfile.read(length)
    with box.lock:
        fault = box.hub_faults.pop(0) if box.hub_faults else None
    if fault is not None and _answer_fault(handler, fault):
        return
    url = urlsplit(handler.path)
    parts = [unquote(part) for part in url.path.strip("/").split("/")]
    if parts == ["api", "whoami-v2"]:
        _whoami(handler)
    elif parts[:2] == ["api", "models"] and len(parts) >= 4:
        _api(box, handler, "/".join(parts[2:4]), parts[4:], parse_qs(url.query), body)
    elif len(parts) >= 5 and parts[2] == "resolve":
        _resolve(box, handler, "/".join(parts[:2]), parts[3], "/".join(parts[4:]))
    else:
        _refuse(handler, 404, "EntryNotFound", "Not found")


def _answer_fault(handler: BaseHTTPRequestHandler, fault: Fault) -> bool:
    if fault.kind == "status":
        headers = {"Retry_After": fault.retry_after} if fault.retry_after else {}
        send_json(handler, {"error": "busy"}, fault.status, **headers)
    elif fault.kind == "redirect":
        send_json(handler, {}, 307, Location=fault.location)
    elif fault.kind == "stall":
        time.sleep(fault.at)
        return False
    else:
        return False
    return True


def _allowed(box: HubBox, handler: BaseHTTPRequestHandler, repo: str, *, files: bool) -> BoxRepository | None:
    """The repository, when the caller may see it; else the refusal is sent."""
    repository = box.repositories.get(repo)
    has_token = handler.headers["Authorization"] == f"Bearer {TOKEN}"
    if repository is None or (repository.private and not has_token):
        _refuse(handler, 404 if has_token else 401, "RepoNotFound", "Repository not found")
        return None
    if files and repository.gated and not has_token:
        status = 401 if handler.headers["Authorization"] is None else 403
        message = f"Access to model {repo} is restricted. You must have access to it and be authenticated to access it."
        _refuse(handler, status, "GatedRepo", message)
        return None
    return repository


def _refuse(handler: BaseHTTPRequestHandler, status: int, code: str, message: str) -> None:
    send_json(handler, {"error": message}, status, X_Error_Code=code, X_Error_Message=message)


def _whoami(handler: BaseHTTPRequestHandler) -> None:
    if handler.headers["Authorization"] == f"Bearer {TOKEN}":
        send_json(handler, {"type": "user", "name": "box"})
    else:
        _refuse(handler, 401, "", "Invalid credentials in Authorization header")


def _api(box: HubBox, handler: BaseHTTPRequestHandler, repo: str, rest: list[str], query: dict, body: bytes) -> None:
    repository = _allowed(box, handler, repo, files=False)
    if repository is None:
        return
    revision = rest[1] if len(rest) > 1 else "main"
    if not _knows(repository, revision):
        _refuse(handler, 404, "RevisionNotFound", f"Invalid rev id: {revision}")
    elif not rest or rest[0] == "revision":
        send_json(handler, _model_info(box, repo, repository, with_files="blobs" in query))
    elif rest[0] == "tree":
        send_json(handler, [_entry(box, repo, repository, name) for name in sorted(repository.files)])
    elif rest[0] == "paths-info":
        wanted = json.loads(body).get("paths", [])
        send_json(handler, [_entry(box, repo, repository, name) for name in wanted if name in repository.files])
    else:
        _refuse(handler, 404, "EntryNotFound", "Not found")


def _knows(repository: BoxRepository, revision: str) -> bool:
    return revision in repository.branches or revision == repository.commit


def _model_info(box: HubBox, repo: str, repository: BoxRepository, *, with_files: bool) -> dict:
    siblings: list[dict] = []
    for name in sorted(repository.files):
        sibling: dict = {"rfilename": name}
        if with_files:
            entry = _entry(box, repo, repository, name)
            sibling |= {"size": entry["size"], "blobId": entry["oid"]}
            if "lfs" in entry:
                sibling["lfs"] = {"sha256": entry["lfs"]["oid"], "size": entry["size"], "pointerSize": 134}
        siblings.append(sibling)
    return {
        "_id": "box", "id": repo, "modelId": repo, "author": repo.partition("/")[0], "sha": repository.commit,
        "private": repository.private, "gated": repository.gated, "disabled": False, "downloads": 1, "likes": 1,
        "tags": ["gguf", *([f"license:{repository.license}"] if repository.license else [])],
        "cardData": {"license": repository.license} if repository.license else {},
        "siblings": siblings, "createdAt": "2026-01-02T03:04:05.000Z", "lastModified": "2026-01-02T03:04:05.000Z",
    }  # fmt: skip


def _entry(box: HubBox, repo: str, repository: BoxRepository, name: str) -> dict:
    digest, size = box.digest(repo, name), repository.size(name)
    entry = {"type": "file", "path": name, "size": size, "oid": digest[:40]}
    if repository.is_lfs(name):
        entry["lfs"] = {"oid": digest, "size": size, "pointerSize": 134}
    return entry


def _resolve(box: HubBox, handler: BaseHTTPRequestHandler, repo: str, revision: str, name: str) -> None:
    repository = _allowed(box, handler, repo, files=True)
    if repository is None:
        return
    if not _knows(repository, revision):
        _refuse(handler, 404, "RevisionNotFound", f"Invalid rev id: {revision}")
    elif name not in repository.files:
        _refuse(handler, 404, "EntryNotFound", "Entry not found")
    elif not repository.is_lfs(name):
        _send_small(box, handler, repository, repo, name)
    else:
        digest = box.digest(repo, name)
        send_json(
            handler, {}, 302,
            Location=f"{box.storage_url}/{repo}/{digest}?signature=box&name={name}",
            X_Repo_Commit=repository.commit, X_Linked_Etag=f'"{digest}"', X_Linked_Size=str(repository.size(name)),
            ETag=f'"{digest[:40]}"', Accept_Ranges="bytes",
        )  # fmt: skip


def _send_small(box: HubBox, handler: BaseHTTPRequestHandler, repository: BoxRepository, repo: str, name: str) -> None:
    content = repository.files[name]
    body = content if isinstance(content, bytes) else content.read_bytes()
    handler.send_response(200)
    handler.send_header("X-Repo-Commit", repository.commit)
    handler.send_header("ETag", f'"{box.digest(repo, name)[:40]}"')
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
