"""Many clients of every temper for a long time: nothing lost, crossed, hung or broken, and nothing that grows.

    python benchmarks/soak.py [--minutes 10] [--clients 64] [--engine echo|native] [--kills 0]

With the echo engine each answer repeats its prompt, which holds a number that no other request has: an answer that
holds another's number has crossed. With --kills the worker is killed at random moments as often: every request must
end then, too, and the endpoint must be healthy again within 5 s and the time of a load.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from paired import RESULTS, machine_facts
from peers.process import RunningServer, ServerPlan, running
from soaking.book import Book
from soaking.clients import PATIENCE_SECONDS, Client
from soaking.watching import Sample, slope_mib_per_minute, take_sample

SLOPE_BAR_MIB = 1.0
HEALTHY_BAR_SECONDS = 5.0
SAMPLE_SECONDS = 2.0
MODEL = "nano"
HOST_CACHE = "64MiB"
"""Full within the first fifth of a run: a cache on its way to its bound would look like a leak."""


@dataclass(slots=True)
class Run:
    """What a run leaves behind."""

    book: Book = field(default_factory=Book)
    samples: list[Sample] = field(default_factory=list)
    recovered_seconds: list[float] = field(default_factory=list)
    load_seconds: float = 0.0


def main() -> None:
    """Run, print, write results, leave with 1 when a bar was missed."""
    arguments = _arguments()
    started = time.monotonic()
    with running(_plan(arguments)) as server:
        run = Run(load_seconds=time.monotonic() - started)
        asyncio.run(_soak(server, run, arguments))
    result = _summary(run, arguments)
    print(json.dumps(result, indent=2))
    if not arguments.quiet:
        name = "soak_kills" if arguments.kills else f"soak_{arguments.engine}"
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    raise SystemExit(0 if result["passed"] else 1)


def _plan(arguments: argparse.Namespace) -> ServerPlan:
    if arguments.kills:
        command = (sys.executable, str(Path(__file__).parent / "soaking" / "endpoint.py"), "{port}", arguments.engine)
        return ServerPlan("labkit", command, "/health", "labkit serve nano, with a breaker that never opens")
    flags = ("--engine", arguments.engine, "--host-cache", HOST_CACHE, *arguments.serve)
    command = (sys.executable, "-m", "labkit", "serve", MODEL, "--port", "{port}", *flags)
    return ServerPlan("labkit", command, "/health", f"labkit serve {MODEL} {' '.join(flags)}")


async def _soak(server: RunningServer, run: Run, arguments: argparse.Namespace) -> None:
    chance = random.Random(arguments.seed)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=arguments.clients)
    async with httpx2.AsyncClient(
        base_url=server.url, timeout=PATIENCE_SECONDS, limits=limits, trust_env=False
    ) as http:
        clients = [
            Client(
                server.url,
                MODEL,
                run.book,
                random.Random(chance.random()),
                http,
                worker_may_die=bool(arguments.kills),
                echoes=arguments.engine == "echo",
            )
            for _ in range(arguments.clients)
        ]
        tasks = [asyncio.create_task(client.run()) for client in clients]
        watch = asyncio.create_task(_watch(server.pid, run))
        if arguments.kills:
            await _kill_again_and_again(server, run, arguments.kills, chance)
        else:
            await asyncio.sleep(arguments.minutes * 60)
        for client in clients:
            client.stop.set()
        await asyncio.wait(tasks, timeout=PATIENCE_SECONDS + 5)
        watch.cancel()


async def _watch(pid: int, run: Run) -> None:
    started = time.monotonic()
    while True:
        try:
            run.samples.append(take_sample(pid, started))
        except psutil.NoSuchProcess:
            run.book.fault("endpoint", "dead")
            return
        await asyncio.sleep(SAMPLE_SECONDS)


async def _kill_again_and_again(server: RunningServer, run: Run, kills: int, chance: random.Random) -> None:
    """Kill the worker at random moments: while it loads, reads prompts, or answers."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE_SECONDS, trust_env=False) as http:
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.0, 2.0))
            pid = _worker_pid(server.pid)
            if pid is None:
                continue
            killed = time.monotonic()
            os.kill(pid, chance.choice((signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT)))
            await _wait_healthy(http, server.pid, pid)
            run.recovered_seconds.append(time.monotonic() - killed)


def _worker_pid(front: int) -> int | None:
    for child in psutil.Process(front).children():
        try:
            if "labkit.worker" in child.cmdline():
                return child.pid
        except psutil.Error:
            continue
    return None


async def _wait_healthy(http: httpx2.AsyncClient, front: int, dead: int) -> None:
    """Until another worker answers a request."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    while True:
        if _worker_pid(front) not in (None, dead):
            response = await http.post("/v1/chat/completions", json=body)
            if response.status_code in (200, 429):
                return
        await asyncio.sleep(0.02)


def _summary(run: Run, arguments: argparse.Namespace) -> dict[str, Any]:
    slopes = (
        {name: round(slope_mib_per_minute(run.samples, name), 3) for name in ("front_bytes", "worker_bytes")}
        if len(run.samples) > 10
        else {}
    )
    recovered = run.recovered_seconds
    # A worker that was killed began anew: its memory has no slope.
    grows = not arguments.kills and any(slope >= SLOPE_BAR_MIB for slope in slopes.values())
    slow = bool(recovered) and max(recovered) > HEALTHY_BAR_SECONDS + run.load_seconds
    first, last = run.samples[len(run.samples) // 5], run.samples[-1]
    return {
        "what": f"{arguments.clients} clients, engine {arguments.engine}",
        "machine": machine_facts(),
        "minutes": round(last.seconds / 60, 2),
        "requests": run.book.num_requests,
        "outcomes": {f"{kind}: {outcome}": count for (kind, outcome), count in sorted(run.book.outcomes.items())},
        "faults": dict(run.book.faults),
        "first_faults": run.book.shown,
        "still_running": len(run.book.running),
        "slope_mib_per_minute": slopes,
        "descriptors": [first.num_descriptors, last.num_descriptors],
        "threads": [first.num_threads, last.num_threads],
        "processes": [first.num_processes, last.num_processes],
        "front_mib": [round(first.front_bytes / 2**20, 1), round(last.front_bytes / 2**20, 1)],
        "kills": len(recovered),
        "healthy_again_seconds": _spread(recovered),
        "load_seconds": round(run.load_seconds, 2),
        "passed": not run.book.faults and not run.book.running and not grows and not slow,
    }


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {"median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--engine", choices=("echo", "native"), default="echo")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quiet", action="store_true", help="write no results")
    parser.add_argument("serve", nargs="*", help="further options of labkit serve, after --")
    return parser.parse_args()


if __name__ == "__main__":
    main()
