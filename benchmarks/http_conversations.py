"""Twelve conversations that take turns, on four slots: labkit against llama-server with its cache in host memory.

    python benchmarks/http_conversations.py [--rounds N] [--quick] [--models 0.5B,1B]

Conversations share a system prompt of 256 tokens and have texts of their own; one request at a time, conversation
after conversation, turn after turn. Counted is the time to first token from the second turn on, when a server could
know everything but the newest message. Both sides have the same KV cells, slots, and bytes of host memory for caches:
once more than all conversations need ("ample"), once less than they need as separate copies ("tight").
"""

from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from cores import Cores, divide_cores
from load.answer import Answer
from load.client import run_load
from load.prompts import Words, chat
from options import Options, parse_options
from paired import Bar, Report, rounds
from peers.build import Peers, ensure_peers
from peers.process import RunningServer, all_running
from peers.servers import LAYOUTS, Size, labkit, llama_server

NUM_CONVERSATIONS, NUM_SLOTS = 12, 4
SYSTEM_TOKENS, FIRST_TOKENS, NEXT_TOKENS, ANSWER_TOKENS = 256, 192, 16, 8
NUM_TURNS = 3
PER_SLOT_TOKENS = 1024
BUDGETS_MIB = {"ample": 8192, "tight": 32}


def main() -> None:
    """Measure every model, print, write results."""
    options = parse_options(__doc__, rounds=2, models=("0.5B",))
    peers, cores = ensure_peers(), divide_cores()
    report = Report(
        "http_conversations", f"{NUM_CONVERSATIONS} conversations in turn on {NUM_SLOTS} slots", options.quick
    )
    for name, model in options.models:
        for budget, mib in BUDGETS_MIB.items():
            measure(report, peers, cores, options, f"{name}, {budget} cache", model, mib)
    report.finish()


def measure(report: Report, peers: Peers, cores: Cores, options: Options, work: str, model: Path, mib: int) -> None:
    """All rounds with one budget."""
    size = Size(NUM_SLOTS * PER_SLOT_TOKENS, NUM_SLOTS, cores.num_threads, mib)
    plans = [labkit(model, size), *(llama_server(peers, model, size, layout) for layout in LAYOUTS)]
    words = Words(model, seed=3)
    runs: dict[str, list[list[Answer]]] = defaultdict(list)
    with all_running(plans, cores=cores.servers) as servers:
        for server in servers.values():
            run_load(server.url, server.model, [chat(words.text(16), max_tokens=4)])
            report.settings[f"{work}: {server.name}"] = server.shown
        plots = [Conversations(words) for _ in range(options.rounds)]
        for number, side in rounds(options.rounds, list(servers)):
            runs[side].append(talk(servers[side], plots[number]))
        for server in servers.values():
            report.note(f"{work}: {server.name} holds {server.rss_bytes() / 2**20:,.0f} MiB afterwards (RSS)")
    better = min((side for side in runs if side != "labkit"), key=lambda side: median(ttft_p50(runs[side])))
    report.compare(work, "TTFT p50 s", better, ttft_p50(runs["labkit"]), ttft_p50(runs[better]), Bar("<=", 0.5))
    for side in runs:
        known = sum(answer.prompt_tokens or 0 for answers in runs[side] for answer in answers)
        reused = sum(answer.cached_tokens or 0 for answers in runs[side] for answer in answers)
        report.note(f"{work}: {side} reused {reused:,} of {known:,} prompt tokens from the second turn on")


class Conversations:
    """What is said in a round, the same to every side."""

    def __init__(self, words: Words) -> None:
        self.system = words.text(SYSTEM_TOKENS)
        self.messages = [
            [words.text(NEXT_TOKENS if turn else FIRST_TOKENS) for turn in range(NUM_TURNS)]
            for _ in range(NUM_CONVERSATIONS)
        ]


def talk(server: RunningServer, plot: Conversations) -> list[Answer]:
    """Hold all conversations; answers from the second turn on."""
    spoken: list[list[str]] = [[] for _ in range(NUM_CONVERSATIONS)]
    answers: list[Answer] = []
    for turn in range(NUM_TURNS):
        for place, conversation in enumerate(spoken):
            conversation.append(plot.messages[place][turn])
            body: dict[str, Any] = chat(*conversation, system=plot.system, max_tokens=ANSWER_TOKENS)
            (answer,) = run_load(server.url, server.model, [body]).answers
            conversation.append(answer.text)
            if turn:
                answers.append(answer)
    return answers


def ttft_p50(runs: list[list[Answer]]) -> list[float]:
    """Median time to first token of every round, in seconds."""
    return [median(answer.ttft_seconds for answer in answers) for answers in runs]


if __name__ == "__main__":
    main()
