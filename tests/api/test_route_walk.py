"""Every route, however it comes to be there, is behind the same doors: keys, Host, Origin, methods."""

import asyncio
import itertools

import httpx2
import pytest

from labkit.access.gate import Gate
from labkit.access.key_file import KeyBook, KeyFile
from labkit.api import create_app
from labkit.api.dialects import dialect_of
from labkit.api.route_table import all_routes

# What anybody may ask. A route that is not here needs a key where keys are needed.
OPEN = {("GET", "/health"), ("HEAD", "/health"), ("GET", "/ready"), ("HEAD", "/ready")}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS")
FOREIGN_HOSTS = ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "169.254.169.254")
FOREIGN_ORIGINS = ("http://evil.example", "null", "http://localhost.evil.example", "file://")
WRONG_KEYS = ("lk_00000000_" + "0" * 40, "lk_", "secret", "")


class Backend:
    """Serves nothing."""

    def models(self):
        return ()

    def health(self):
        return {}

    def stats(self):
        return {}


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    walker = Walker(tmp_path_factory.mktemp("keys"))
    yield walker
    walker.close()


class Walker:
    """Sends requests into the application itself, each from an address of its own: nobody is held back."""

    def __init__(self, folder):
        path = folder / "keys.json"
        self.key = KeyFile(path).create("walker")[1]
        self.app = create_app(Backend(), gate=Gate(KeyBook(path), require_key=True))
        self.routes = all_routes(self.app)
        self._addresses = (f"10.0.{number // 250}.{number % 250 + 1}" for number in itertools.count())
        self._loop = asyncio.new_event_loop()

    def ask(self, method, path, key=None, **headers):
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        return self._loop.run_until_complete(self._ask(method, path, headers))

    async def _ask(self, method, path, headers):
        transport = httpx2.ASGITransport(self.app, client=(next(self._addresses), 4242))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8642") as http:
            path = path.replace("{", "x").replace("}", "")
            content = b"{}" if method in ("POST", "PUT", "PATCH") else None
            return await http.request(
                method, path, content=content, headers={"content-type": "application/json", **headers}
            )

    def close(self):
        self._loop.close()


def routes():
    return all_routes(create_app(Backend()))


def test_there_are_routes_to_walk_and_the_open_ones_are_among_them():
    found = routes()
    assert len(found) > 40
    assert set(found) >= OPEN


@pytest.mark.parametrize(("method", "path"), routes())
def test_no_route_answers_without_a_key(walk, method, path):
    for wrong in (None, *WRONG_KEYS):
        answer = walk.ask(method, path, wrong)
        if (method, path) in OPEN:
            assert answer.status_code in (200, 503)
            continue
        assert answer.status_code == 401, wrong
        assert answer.headers["www-authenticate"] == "Bearer"
        if method != "HEAD":
            assert set(answer.json()) >= {"error"}
            assert (dialect_of(path).name == "ollama") == isinstance(answer.json()["error"], str)
    assert walk.ask(method, path, walk.key).status_code != 401
    assert walk.ask(method, path, **{"x-api-key": walk.key}).status_code != 401


@pytest.mark.parametrize(("method", "path"), routes())
def test_no_route_answers_to_a_foreign_name_or_page(walk, method, path):
    for host in FOREIGN_HOSTS:
        assert walk.ask(method, path, walk.key, host=host).status_code == 403, host
    for origin in FOREIGN_ORIGINS:
        answer = walk.ask(method, path, walk.key, origin=origin)
        assert answer.status_code == 403, origin
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", sorted({path for _, path in routes()}))
def test_no_route_takes_another_method(walk, path):
    taken = {method for method, known in routes() if known == path}
    for method in METHODS:
        if method not in taken:
            answer = walk.ask(method, path, walk.key)
            assert answer.status_code == 405, method
            assert set(answer.headers["allow"].split(", ")) == taken


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/v1/nothing", "/api/nothing", "/v1/models/", "/../keys.json"])
def test_what_is_no_route_tells_nobody_without_a_key_so(walk, path):
    assert walk.ask("GET", path).status_code == 401
    assert walk.ask("GET", path, walk.key).status_code == 404


def test_pages_may_not_ask_ahead(walk):
    wanted = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    for _, path in routes():
        assert walk.ask("OPTIONS", path, **wanted).status_code == 403
