"""Eight requests at once with a shared prefix of 1,024 tokens: labkit against llama-server.

    python benchmarks/http_burst.py [--rounds N] [--quick] [--models 0.5B,1B]

Nobody has seen the prefix before: each round has its own. Every request adds 16 tokens of its own and asks for 32.
llama-server keeps its caches on (prompt cache, idle slots in 8 GiB of host memory). The first round runs both of its KV
layouts; the quicker one stays for the rest.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

from cores import Cores, divide_cores
from load.client import Load, run_load
from load.metrics import cached, prompt_tokens, rates, ttfts, walls
from load.prompts import Words, chat
from options import Options, parse_options
from paired import Bar, Report, rounds
from peers.build import Peers, ensure_peers
from peers.process import RunningServer, all_running
from peers.servers import LAYOUTS, Size, labkit, llama_server

NUM_REQUESTS, SHARED_TOKENS, OWN_TOKENS, ANSWER_TOKENS = 8, 1024, 16, 32
HOST_CACHE_MIB = 8192


def main() -> None:
    """Measure every model, print, write results."""
    options = parse_options(__doc__, rounds=2, models=("0.5B",))
    peers, cores = ensure_peers(), divide_cores()
    report = Report(
        "http_burst", f"{NUM_REQUESTS} requests at once that share {SHARED_TOKENS} new tokens", options.quick
    )
    for name, model in options.models:
        measure(report, peers, cores, options, name, model)
    report.finish()


def measure(report: Report, peers: Peers, cores: Cores, options: Options, name: str, model: Path) -> None:
    """All rounds on one model."""
    per_slot = 1024 + 256
    layouts = LAYOUTS[:1] if options.quick else LAYOUTS  # each takes more than a minute on two cores
    size = Size(NUM_REQUESTS * per_slot, NUM_REQUESTS, cores.num_threads, HOST_CACHE_MIB)
    plans = [labkit(model, size), *(llama_server(peers, model, size, layout) for layout in layouts)]
    words = Words(model, seed=2)
    with all_running(plans, cores=cores.servers) as servers:
        for server in servers.values():
            run_load(server.url, server.model, [chat(words.text(16), max_tokens=4)])
            report.settings[f"{name}: {server.name}"] = server.shown
        better, runs = run_rounds(servers, words, options.rounds)
    ours, theirs = runs["labkit"], runs[better]
    work = f"{name}, burst of {NUM_REQUESTS}"
    report.compare(work, "wall s", better, walls(ours), walls(theirs), Bar("<=", 0.30))
    report.compare(work, "TTFT p50 s", better, ttfts(ours), ttfts(theirs))
    report.compare(work, "tokens/s", better, rates(ours), rates(theirs))
    for side, loads in (("labkit", ours), (better, theirs)):
        report.note(f"{name}: {side} reused {cached(loads):,} of {prompt_tokens(loads):,} prompt tokens")
    for side in (plan.name for plan in plans[1:]):
        report.note(f"{name}: {side} took {walls(runs[side])[0]:.1f} s in the first round")


def run_rounds(servers: dict[str, RunningServer], words: Words, count: int) -> tuple[str, dict[str, list[Load]]]:
    """llama-server's better layout, and loads by side; its slower layout has only the first."""
    runs: dict[str, list[Load]] = defaultdict(list)

    def run(side: str, bodies: list[dict[str, Any]]) -> None:
        server = servers[side]
        runs[side].append(run_load(server.url, server.model, bodies, concurrency=NUM_REQUESTS))

    first = burst(words)
    for _, side in rounds(1, list(servers)):
        run(side, first)
    better = min((side for side in servers if side != "labkit"), key=lambda side: runs[side][0].wall_seconds)
    work = [burst(words) for _ in range(count - 1)]
    for number, side in rounds(count - 1, (better, "labkit")):
        run(side, work[number])
    return better, runs


def burst(words: Words) -> list[dict[str, Any]]:
    """Requests with one new system prompt."""
    shared = words.text(SHARED_TOKENS)
    return [chat(words.text(OWN_TOKENS), system=shared, max_tokens=ANSWER_TOKENS) for _ in range(NUM_REQUESTS)]


if __name__ == "__main__":
    main()
