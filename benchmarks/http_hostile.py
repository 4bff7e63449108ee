"""Clients that send slowly, read slowly or never begin: how soon they are cut off, and what the others feel of them.

    python benchmarks/http_hostile.py [--senders 200] [--readers 50] [--seconds 9]

Hostile clients of each kind hang on while ordinary ones ask; the ordinary ones' p99 is held against theirs alone,
before and after. Bars: senders cut
off within 15 s, readers within 35 s (30 s without progress, looked at every second, after the buffers are full), p99
+20 %, memory of the front +50 MiB.
"""

import argparse
import asyncio
import json
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psutil

from paired import RESULTS, machine_facts
from peers.process import ServerPlan, running

CHAT = "/v1/chat/completions"
SENDER_BAR_SECONDS = 15.5
READER_BAR_SECONDS = 35.0
P99_BAR = 1.20
MEMORY_BAR_MIB = 50.0
ORDINARY_CLIENTS = 4


@dataclass(slots=True)
class Siege:
    """What one kind of hostile client did, and what it did to the others."""

    kind: str
    num_clients: int
    closed_seconds: list[float] = field(default_factory=list)
    computed_seconds: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    ordinary_seconds: list[float] = field(default_factory=list)
    most_mib: float = 0.0
    cpu_ms: float = 0.0


def main() -> None:
    """Run, print, write results, leave with 1 when a bar was missed."""
    arguments = _arguments()
    command = (sys.executable, "-m", "labkit", "serve", "nano", "--port", "{port}", "--max-waiting", "256")
    with (
        tempfile.TemporaryDirectory() as home,
        running(ServerPlan("labkit", command, "/health", "labkit serve nano", {"LABKIT_HOME": home})) as server,
    ):
        result = asyncio.run(_run(server.url, server.pid, arguments))
    print(json.dumps(result, indent=2))
    (RESULTS / "http_hostile.json").write_text(json.dumps(result, indent=2) + "\n")
    raise SystemExit(0 if result["passed"] else 1)


async def _run(url: str, pid: int, arguments: argparse.Namespace) -> dict[str, Any]:
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 0)
    front = psutil.Process(pid)
    await _ordinary(address, 2.0)  # warm
    before_mib = _mib(front)
    sieges: list[Siege] = []
    quiet: list[float] = []
    used = 0.0
    for kind, count, client in (
        ("slow bodies, 1 B/s", arguments.senders, _slow_body),
        ("slow heads, 1 B/s", arguments.senders, _slow_head),
        ("silent connections", arguments.senders, _silent),
        ("slow readers", arguments.readers, _slow_reader),
    ):
        used -= _cpu_seconds(front)
        quiet += await _ordinary(address, arguments.seconds)
        used += _cpu_seconds(front)
        siege = Siege(kind, count)
        await _besiege(siege, client, address, front, arguments.seconds)
        sieges.append(siege)
    return _summary(quiet, used * 1000 / len(quiet), sieges, before_mib)


async def _besiege(siege: Siege, client: Any, address: tuple[str, int], front: psutil.Process, seconds: float) -> None:
    ports: set[int] = set()
    started = time.monotonic()

    async def one() -> None:
        answer = await client(address, ports)
        siege.answers[answer] = siege.answers.get(answer, 0) + 1

    hostile = [asyncio.create_task(one()) for _ in range(siege.num_clients)]
    watching = asyncio.create_task(_watch_ports(siege, front, ports, started))
    if client is _slow_reader:
        await asyncio.sleep(3)  # what a worker says of itself is a second old
        await _idle(address)  # their answers take slots like any other's; what follows is about who does not read
        siege.computed_seconds = time.monotonic() - started
    used = _cpu_seconds(front)
    siege.ordinary_seconds = await _ordinary(address, seconds)
    siege.cpu_ms = (_cpu_seconds(front) - used) * 1000 / len(siege.ordinary_seconds)
    siege.most_mib = max(siege.most_mib, _mib(front))
    await asyncio.wait([watching], timeout=60)
    for task in (watching, *hostile):
        task.cancel()
    await asyncio.gather(*hostile, return_exceptions=True)


async def _watch_ports(siege: Siege, front: psutil.Process, ports: set[int], started: float) -> None:
    """Note when the front lets go of each hostile connection. A client with a full window would not learn of it."""
    while len(ports) < siege.num_clients:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    open_ports = set(ports)
    while open_ports:
        found = await asyncio.to_thread(front.net_connections, "tcp")
        still = open_ports & {one.raddr.port for one in found if one.raddr}
        siege.closed_seconds += [time.monotonic() - started] * (len(open_ports) - len(still))
        siege.most_mib = max(siege.most_mib, _mib(front))
        open_ports = still
        await asyncio.sleep(0.5)


async def _idle(address: tuple[str, int]) -> None:
    """Wait until the engine computes nothing."""
    for _ in range(240):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        _, body = await _answer(reader)
        writer.close()
        health = json.loads(body)["models"]["nano"]
        if not health["num_running"] + health["num_waiting"]:
            return
        await asyncio.sleep(0.25)


async def _ordinary(address: tuple[str, int], seconds: float) -> list[float]:
    """Times of short requests of some clients, one after the other each."""
    body = json.dumps({"model": "nano", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}).encode()
    request = _head(len(body)) + body
    times: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(*address)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            started = time.perf_counter()
            writer.write(request)
            status, _ = await _answer(reader)
            assert status == "200", status
            times.append(time.perf_counter() - started)
            await asyncio.sleep(0.02)
        writer.close()

    await asyncio.gather(*(client() for _ in range(ORDINARY_CLIENTS)))
    return times


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return head.split()[1].decode(), await reader.readexactly(length)


async def _slow_body(address: tuple[str, int], ports: set[int]) -> str:
    return await _drip(address, ports, _head(1000), b" ")


async def _slow_head(address: tuple[str, int], ports: set[int]) -> str:
    return await _drip(address, ports, b"POST / HTTP/1.1\r\nx-long: ", b"a")


async def _silent(address: tuple[str, int], ports: set[int]) -> str:
    return await _drip(address, ports, b"", b"")


async def _drip(address: tuple[str, int], ports: set[int], head: bytes, drop: bytes) -> str:
    """Send a byte each second until the other side closes; what it answered first."""
    reader, writer = await asyncio.open_connection(*address)
    ports.add(writer.get_extra_info("sockname")[1])
    heard = bytearray()

    async def listen() -> None:
        while data := await reader.read(65536):
            heard.extend(data)

    listening = asyncio.create_task(listen())
    writer.write(head)
    try:
        while not listening.done():
            writer.write(drop)
            await asyncio.wait([listening], timeout=1.0)
        await listening
    except ConnectionError:
        pass
    writer.close()
    return heard.split()[1].decode() if heard else "closed"


async def _slow_reader(address: tuple[str, int], ports: set[int]) -> str:
    """Ask for a long stream and read only its first bytes."""
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        await loop.sock_connect(connection, address)
        ports.add(connection.getsockname()[1])
        messages = [{"role": "user", "content": "Tell me everything."}]
        options = {"stream": True, "logprobs": True, "top_logprobs": 20, "max_tokens": 600, "ignore_eos": True}
        body = json.dumps({"model": "nano", "messages": messages, **options}).encode()
        await loop.sock_sendall(connection, _head(len(body)) + body)
        first = await loop.sock_recv(connection, 12)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:  # all is over
            return first[9:12].decode()
        return ""


def _head(length: int) -> bytes:
    return (
        f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def _cpu_seconds(process: psutil.Process) -> float:
    """Processor time: what a busy machine cannot make longer."""
    times = process.cpu_times()
    return times.user + times.system


def _mib(process: psutil.Process) -> float:
    return process.memory_info().rss / 2**20


def _summary(quiet: list[float], quiet_cpu_ms: float, sieges: list[Siege], before_mib: float) -> dict[str, Any]:
    p99 = _p99(quiet)
    rows = []
    for siege in sieges:
        bar = READER_BAR_SECONDS if siege.kind == "slow readers" else SENDER_BAR_SECONDS
        slowest = max(siege.closed_seconds, default=float("inf")) - siege.computed_seconds
        rows.append(
            {
                "kind": siege.kind,
                "clients": siege.num_clients,
                "closed": len(siege.closed_seconds),
                "answers_computed_after_seconds": round(siege.computed_seconds, 1),
                "last_closed_seconds_after_that": round(slowest, 1),
                "answers": siege.answers,
                "ordinary_requests": len(siege.ordinary_seconds),
                "ordinary_p50_ms": round(statistics.median(siege.ordinary_seconds) * 1000, 2),
                "ordinary_p99_ms": round(_p99(siege.ordinary_seconds) * 1000, 2),
                "ordinary_p99_ratio": round(_p99(siege.ordinary_seconds) / p99, 2),
                "front_cpu_ms_a_request": round(siege.cpu_ms, 2),
                "front_mib_added": round(siege.most_mib - before_mib, 1),
                "passed": len(siege.closed_seconds) == siege.num_clients
                and slowest <= bar
                and _p99(siege.ordinary_seconds) <= p99 * P99_BAR
                and siege.most_mib - before_mib < MEMORY_BAR_MIB,
            }
        )
    return {
        "machine": machine_facts(),
        "quiet_requests": len(quiet),
        "quiet_front_cpu_ms_a_request": round(quiet_cpu_ms, 2),
        "quiet_p50_ms": round(statistics.median(quiet) * 1000, 2),
        "quiet_p99_ms": round(p99 * 1000, 2),
        "sieges": rows,
        "passed": all(row["passed"] for row in rows),
    }


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--senders", type=int, default=200)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=9.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
