"""Independent prompts over HTTP, streamed, at concurrency 1, 4 and 8: labkit against llama-server.

    python benchmarks/http_throughput.py [--rounds N] [--quick] [--models 0.5B,1B]

Cold: every prompt begins differently, no server has seen it, and the caches in host memory are off on both sides.
llama-server runs with both of its KV layouts; the one with more tokens per second is what a row compares with.
llama-cpp-python's own server is reported, not judged.
"""

from collections import defaultdict
from pathlib import Path
from statistics import median

from cores import Cores, divide_cores
from load.client import Load, run_load
from load.metrics import gaps, most_cached, rates, same_texts, ttfts
from load.prompts import Words, chat
from options import Options, parse_options
from paired import Bar, Report, rounds
from peers.build import Peers, ensure_peers
from peers.process import all_running, running
from peers.servers import LAYOUTS, Size, labkit, llama_cpp_server, llama_server

CONCURRENCIES = (1, 4, 8)
PROMPT_TOKENS, ANSWER_TOKENS = 64, 48
SPLIT, UNIFIED = "llama-server split", "llama-server unified"
Runs = dict[tuple[str, int], list[Load]]


def main() -> None:
    """Measure every model, print, write results."""
    options = parse_options(__doc__, rounds=2, models=("0.5B",))
    peers, cores = ensure_peers(), divide_cores()
    report = Report("http_throughput", "independent prompts, streamed chat completions, cold", options.quick)
    for name, model in options.models:
        measure(report, peers, cores, options, name, model)
    report.finish()


def measure(report: Report, peers: Peers, cores: Cores, options: Options, name: str, model: Path) -> None:
    """All rounds on one model."""
    size = Size(context_tokens=8 * 512, num_slots=8, num_threads=cores.num_threads)
    plans = [labkit(model, size), *(llama_server(peers, model, size, layout) for layout in LAYOUTS)]
    words = Words(model, seed=1)
    runs: Runs = defaultdict(list)
    with all_running(plans, cores=cores.servers) as servers:
        for server in servers.values():
            run_load(server.url, server.model, [request(words)])
            report.settings[f"{name}: {server.name}"] = server.shown
        work = [work_of_a_round(words, options.quick) for _ in range(options.rounds)]
        for number, side in rounds(options.rounds, list(servers)):
            for concurrency, bodies in work[number].items():
                server = servers[side]
                runs[side, concurrency].append(run_load(server.url, server.model, bodies, concurrency=concurrency))
    for concurrency in CONCURRENCIES:
        judge(report, name, runs, concurrency)
    measure_other(report, cores, words, name, model, size, runs)
    report.settings[f"{name}: prompt and answer tokens"] = [PROMPT_TOKENS, ANSWER_TOKENS]


def request(words: Words) -> dict:
    """One request that nobody has seen."""
    return chat(words.text(PROMPT_TOKENS), max_tokens=ANSWER_TOKENS)


def work_of_a_round(words: Words, quick: bool) -> dict[int, list[dict]]:
    """Requests by concurrency; the same ones for every side."""
    more = 0 if quick else 1  # half a wave more: requests then begin while others decode
    counts = {concurrency: concurrency + more * max(1, concurrency // 2) for concurrency in CONCURRENCIES}
    return {concurrency: [request(words) for _ in range(count)] for concurrency, count in counts.items()}


def judge(report: Report, name: str, runs: Runs, concurrency: int) -> None:
    """Rows for one concurrency."""
    better = max((SPLIT, UNIFIED), key=lambda side: median(rates(runs[side, concurrency])))
    ours, theirs = runs["labkit", concurrency], runs[better, concurrency]
    work = f"{name}, concurrency {concurrency}"
    report.compare(work, "tokens/s", better, rates(ours), rates(theirs), Bar(">=", 1.0))
    report.compare(work, "TTFT p50 s", better, ttfts(ours), ttfts(theirs), Bar("<=", 1.05))
    report.compare(work, "ITL p50 ms", better, gaps(ours), gaps(theirs))
    for side, loads in (("labkit", ours), (better, theirs)):
        report.note(f"{name}: {side} reused at most {most_cached(loads)} prompt tokens of one request (the template's)")
    report.note(f"{work}: {same_texts(ours, theirs)} answers are the same text on both sides")


def measure_other(report: Report, cores: Cores, words: Words, name: str, model: Path, size: Size, runs: Runs) -> None:
    """llama-cpp-python's server answers one request at a time, so one round of the highest concurrency shows it."""
    plan, concurrency = llama_cpp_server(model, size), CONCURRENCIES[-1]
    with running(plan, cores=cores.servers) as server:
        run_load(server.url, server.model, [request(words)])
        load = run_load(server.url, server.model, [request(words) for _ in range(concurrency)], concurrency=concurrency)
    ours = median(rates(runs["labkit", concurrency]))
    work = f"{name}, concurrency {concurrency}"
    report.compare(work, "tokens/s", plan.name, [ours], [load.tokens_per_second])
    report.settings[f"{name}: {plan.name}"] = server.shown


if __name__ == "__main__":
    main()
