"""The clients: some wait for the whole answer, some stream, some leave, some read slowly, some mean harm."""

import asyncio
import contextlib
import json
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2

from soaking.book import Book
from soaking.dialects import DIALECTS, Body, Dialect, is_error

# With the queue full a request waits; one that takes longer than this hangs.
PATIENCE_SECONDS = 60.0
SLOW_SECONDS = 8.0
OPENINGS = ("You are a helpful assistant. ", "Read this list: one, two, three, four, five. ", "")


@dataclass(slots=True)
class Client:
    """One of many: does one thing after the other until it is told to stop.

    `interrupted` counts answers that a dying worker may cut: where kills are part of the run they are no faults.
    """

    url: str
    model: str
    book: Book
    chance: random.Random
    http: httpx2.AsyncClient
    worker_may_die: bool = False
    echoes: bool = True
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until `stop` is set."""
        while not self.stop.is_set():
            kind, act = self.chance.choices(_ACTS, weights=_WEIGHTS)[0]
            key = secrets.token_hex(4)
            self.book.running[f"{kind} {key}"] = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await act(self, kind)
            except TimeoutError:
                self.book.fault(kind, "hung", f"no end within {PATIENCE_SECONDS:.0f} s")
            except (httpx2.TransportError, OSError) as error:
                self.book.fault(kind, "lost", f"{type(error).__name__}: {error}")
            except Exception as error:  # noqa: BLE001 - a client that dies would hide what happened
                self.book.fault(kind, "not understood", f"{type(error).__name__}: {error}")
            finally:
                del self.book.running[f"{kind} {key}"]

    def _question(self) -> tuple[str, str, int]:
        """A nonce, a text that holds it, and the most tokens of the answer."""
        nonce = f"N{secrets.token_hex(12)}N"
        opening = self.chance.choice(OPENINGS) * self.chance.randrange(1, 6)
        return nonce, f"{opening}{nonce}", self.chance.choice((1, 8, 64, 400))

    def _body(self, dialect: Dialect, stream: bool) -> tuple[str, Body]:
        nonce, text, most = self._question()
        return nonce, dialect.body(self.model, text, most, stream)

    def _refused(self, kind: str, response: httpx2.Response) -> bool:
        """Book any answer that is not 200. True when it was one."""
        status = response.status_code
        if status == 200:
            return False
        if status == 429 and "retry-after" in response.headers:
            self.book.note(kind, "429")
        elif self.worker_may_die and status in (502, 503):
            self.book.note(kind, "cut by a kill")
        else:
            self.book.fault(kind, f"{status}" if status < 500 else "5xx", f"{status} {response.text}")
        return True

    async def whole(self, kind: str) -> None:
        """Wait for the answer."""
        dialect = self.chance.choice(DIALECTS)
        nonce, body = self._body(dialect, stream=False)
        response = await self.http.post(dialect.path, json=body)
        name = f"{kind} {dialect.name}"
        if self._refused(name, response):
            return
        if not self.echoes or self.book.check_echo(name, nonce, dialect.text(response.json())):
            self.book.note(name, "answered")

    async def stream(self, kind: str) -> None:
        """Read the answer as it comes."""
        await self._stream(kind, self.chance.choice(DIALECTS), pause=0.0, leave_after=None)

    async def leave(self, kind: str) -> None:
        """Start to read and go away at any moment: while waiting, in the prompt, in the answer."""
        leave_after = self.chance.choice((0.0, 0.001, 0.01, 0.05, 0.3)) * self.chance.random() * 2
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(leave_after):
                await self._stream(kind, self.chance.choice(DIALECTS), pause=0.0, leave_after=None)
                return
        self.book.note(kind, "left")

    async def slow(self, kind: str) -> None:
        """Read a long answer a few bytes at a time, then leave."""
        await self._stream(kind, self.chance.choice(DIALECTS), pause=0.5, leave_after=SLOW_SECONDS)

    async def _stream(self, kind: str, dialect: Dialect, *, pause: float, leave_after: float | None) -> None:
        nonce, body = self._body(dialect, stream=True)
        name = f"{kind} {dialect.name}"
        started, text, ended, failed = time.monotonic(), "", False, ""
        async with self.http.stream("POST", dialect.path, json=body) as response:
            if response.status_code != 200:
                await response.aread()
                self._refused(name, response)
                return
            async for line in _events(response):
                if is_error(line):
                    failed = line
                ended = ended or dialect.is_end(line)
                if line != "[DONE]" and not failed:
                    text += dialect.piece(json.loads(line))
                await asyncio.sleep(pause)
                if leave_after is not None and time.monotonic() - started > leave_after:
                    self.book.note(name, "left")
                    return
        self._judge_stream(name, nonce, text, ended=ended, failed=failed)

    def _judge_stream(self, name: str, nonce: str, text: str, *, ended: bool, failed: str) -> None:
        if failed:
            if self.worker_may_die:
                self.book.note(name, "cut by a kill")
            else:
                self.book.fault(name, "failed", failed)
        elif not ended:
            self.book.fault(name, "lost", f"the stream stopped after {text[-80:]!r}")
        elif not self.echoes or self.book.check_echo(name, nonce, text):
            self.book.note(name, "answered")

    async def ask(self, kind: str) -> None:
        """Questions that make the model compute nothing."""
        nonce = f"N{secrets.token_hex(12)}N"
        response = await self.http.post("/tokenize", json={"model": self.model, "content": nonce})
        if self._refused(kind, response):
            return
        tokens = response.json()["tokens"]
        response = await self.http.post("/detokenize", json={"model": self.model, "tokens": tokens})
        if self._refused(kind, response):
            return
        if nonce not in response.json()["content"]:
            self.book.fault(kind, "crossed", response.text)
        else:
            self.book.note(kind, "answered")

    async def look(self, kind: str) -> None:
        """What a monitor reads."""
        path = self.chance.choice(("/health", "/metrics", "/v1/models", "/labkit/stats", "/ready"))
        response = await self.http.get(path)
        if response.status_code == 200 or (self.worker_may_die and response.status_code == 503):
            self.book.note(kind, "answered")
        else:
            self.book.fault(kind, "5xx" if response.status_code >= 500 else "refused", f"{path} {response.text}")

    async def wrong(self, kind: str) -> None:
        """Bodies that must be refused, each with a 4xx that says why."""
        name, body, headers = self.chance.choice(_WRONG)
        content = body if isinstance(body, bytes) else json.dumps(body | {"model": body.get("model", self.model)})
        path = self.chance.choice(DIALECTS).path if isinstance(body, bytes) else "/v1/chat/completions"
        response = await self.http.post(path, content=content, headers={"content-type": "application/json", **headers})
        if 400 <= response.status_code < 500:
            self.book.note(kind, name)
        elif self.worker_may_die and response.status_code in (502, 503):
            self.book.note(kind, "cut by a kill")
        else:
            self.book.fault(kind, "5xx" if response.status_code >= 500 else "taken", f"{name}: {response.text}")

    async def raw(self, kind: str) -> None:
        """Bytes that are no HTTP, or only half of it; the endpoint may answer or hang up, and must live."""
        parts = urlsplit(self.url)
        content = self.chance.choice(_RAW)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(content)
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.chance.choice((0.01, 0.5, 3.0))):
                    await reader.read(65536)
        except ConnectionError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, OSError):
                await writer.wait_closed()
        self.book.note(kind, "sent")


async def _events(response: httpx2.Response) -> AsyncIterator[str]:
    """Data of each event, or each line of NDJSON."""
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield line[6:]
        elif line.startswith("{"):
            yield line


def _wrong(**fields: Any) -> Body:
    return {"messages": [{"role": "user", "content": "x"}], **fields}


_WRONG: tuple[tuple[str, Body | bytes, dict[str, str]], ...] = (
    ("broken JSON", b'{"model": "nano", "messages": [', {}),
    ("not JSON", b"\x00\xff\xfe" * 50, {}),
    ("deep", b"[" * 5000 + b"]" * 5000, {}),
    ("large", b'{"model": "' + b"x" * 20_000_000 + b'"}', {}),
    ("foreign host", _wrong(), {"host": "evil.example"}),
    ("foreign origin", _wrong(), {"origin": "http://evil.example"}),
    ("other content", b"{}", {"content-type": "text/plain"}),
    ("zipped", b"{}", {"content-encoding": "gzip"}),
    ("unknown model", _wrong(model="gpt-9"), {}),
    ("wrong type", _wrong(temperature="hot"), {}),
    ("out of range", _wrong(top_p=7), {}),
    ("no messages", {"messages": []}, {}),
    ("too long", {"messages": [{"role": "user", "content": "word " * 50_000}]}, {}),
    ("many stops", _wrong(stop=[str(k) for k in range(99)]), {}),
    ("broken grammar", _wrong(grammar="root ::= ("), {}),
    ("half a surrogate", b'{"model":"nano","messages":[{"role":"user","content":"\\ud800"}]}', {}),
)
_RAW = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,  # a TLS hello
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 100_000,
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\n\r\n{",
    b"\r\n\r\n\r\n",
    b"DELETE /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
)
Act = Callable[[Client, str], Awaitable[None]]
_MIX: tuple[tuple[str, Act, int], ...] = (
    ("whole", Client.whole, 30),
    ("stream", Client.stream, 30),
    ("leave", Client.leave, 15),
    ("slow", Client.slow, 3),
    ("ask", Client.ask, 6),
    ("look", Client.look, 4),
    ("wrong", Client.wrong, 9),
    ("raw", Client.raw, 3),
)
_ACTS = tuple((kind, act) for kind, act, _ in _MIX)
_WEIGHTS = tuple(weight for _, _, weight in _MIX)
