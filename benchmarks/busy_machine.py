"""Threads that survive a busy machine: labkit as it comes against llama-server as it comes, and against fixed threads.

    python benchmarks/busy_machine.py [--rounds N] [--quick] [--models 0.5B]

Quiet: labkit's own choice against the best fixed number of threads. Busy: another process computes all the time (it may
run on any processor that the servers use); the servers were started before it. One client, one stream at a time; an
answer that takes longer than half a minute is cut off, and what came until then counts.
"""

import contextlib
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from statistics import median

from cores import Cores, divide_cores
from load.client import Load, run_load
from load.metrics import rates
from load.prompts import Words, chat
from options import Options, parse_options
from paired import Bar, Report, rounds
from peers.build import Peers, ensure_peers
from peers.process import RunningServer, all_running, starting_on
from peers.servers import Size, labkit, labkit_defaults, llama_server_defaults

PROMPT_TOKENS, QUIET_TOKENS, BUSY_TOKENS = 24, 64, 32
LIMIT_SECONDS = 30.0
PEER = "llama-server"


def main() -> None:
    """Measure every model, print, write results."""
    options = parse_options(__doc__, rounds=3, models=("0.5B",), quick_rounds=2)
    peers, cores = ensure_peers(), divide_cores()
    report = Report(
        "busy_machine", "one stream, defaults, alone and beside a process that keeps one core busy", options.quick
    )
    for name, model in options.models:
        measure(report, peers, cores, options, name, model)
    report.finish()


def measure(report: Report, peers: Peers, cores: Cores, options: Options, name: str, model: Path) -> None:
    """All rounds on one model."""
    fixed = [
        replace(labkit(model, Size(8192, 8, threads)), name=f"labkit, {threads} threads")
        for threads in range(1, cores.num_threads + 1)
    ]
    plans = [labkit_defaults(model), llama_server_defaults(peers, model, *_peer_flags(report, cores)), *fixed]
    words = Words(model, seed=7)
    with all_running(plans, cores=cores.servers) as servers:
        for server in servers.values():
            run_load(server.url, server.model, [chat(words.text(PROMPT_TOKENS), max_tokens=8)])
            report.settings[f"{name}: {server.name}"] = server.shown
        quiet = run_rounds(servers, words, options.rounds, QUIET_TOKENS)
        with busy_process(cores):
            pair = {side: servers[side] for side in ("labkit", PEER)}
            run_rounds(pair, words, 1, BUSY_TOKENS)  # time to notice
            busy = run_rounds(pair, words, options.rounds, BUSY_TOKENS)
    best = max((plan.name for plan in fixed), key=lambda side: median(rates(quiet[side])))
    report.compare(f"{name}, quiet", "tokens/s", best, rates(quiet["labkit"]), rates(quiet[best]), Bar(">=", 0.9))
    report.compare(f"{name}, quiet", "tokens/s", PEER, rates(quiet["labkit"]), rates(quiet[PEER]))
    report.compare(f"{name}, busy", "tokens/s", PEER, rates(busy["labkit"]), rates(busy[PEER]), Bar(">=", 5.0))
    for plan in fixed:
        report.note(f"{name}, quiet: {plan.name} {median(rates(quiet[plan.name])):.1f} tokens/s")


def run_rounds(servers: dict[str, RunningServer], words: Words, count: int, tokens: int) -> dict[str, list[Load]]:
    """One new request per side and round."""
    runs: dict[str, list[Load]] = defaultdict(list)
    work = [[chat(words.text(PROMPT_TOKENS), max_tokens=tokens)] for _ in range(count)]
    for number, side in rounds(count, list(servers)):
        server = servers[side]
        runs[side].append(run_load(server.url, server.model, work[number], limit_seconds=LIMIT_SECONDS))
    return runs


def _peer_flags(report: Report, cores: Cores) -> tuple[str, ...]:
    """None, unless this process may not use every processor: llama-server does not look at that.

    It would start a thread for each processor of the machine, and lose for a reason that is none of its defaults.
    """
    if len(cores.servers) == os.cpu_count():
        return ()
    report.note(f"llama-server got -t {cores.num_threads}: its default counts processors that it may not use here")
    return ("-t", str(cores.num_threads))


@contextlib.contextmanager
def busy_process(cores: Cores) -> Generator[None, None, None]:
    """Another process that never waits."""
    with starting_on(cores.servers):
        process = subprocess.Popen((sys.executable, "-c", "while True: pass"))
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
