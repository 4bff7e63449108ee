"""Twelve conversations that take turns, on four slots: labkit against llama-server with its cache in host memory.

    python benchmarks/http_conversations.py [--rounds N] [--quick] [--models 0.5B,1B]

One request at a time, conversation after conversation, turn after turn. Counted is the time to first token from the
second turn on, when a server could know everything but the newest message. Both sides have the same KV cells, slots,
and bytes of host memory for caches. Three cases:

- shared, ample: all have the same system prompt, and the cache holds more than all of them;
- shared, tight: the cache holds less than a copy of each;
- own, ample: every conversation has a system prompt of its own, so nothing is shared but time.

llama-server runs the first case with both of its KV layouts; the better one stays for the others.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cores import Cores, divide_cores
from load.answer import Answer
from load.client import run_load
from load.prompts import Words, chat
from options import Options, parse_options
from paired import Bar, Report, rounds
from peers.build import Peers, ensure_peers
from peers.process import RunningServer, all_running
from peers.servers import LAYOUTS, Layout, Size, labkit, llama_server

NUM_CONVERSATIONS, NUM_SLOTS = 12, 4
SYSTEM_TOKENS, FIRST_TOKENS, NEXT_TOKENS, ANSWER_TOKENS = 128, 64, 16, 8
NUM_TURNS = 3
PER_SLOT_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Case:
    """What conversations have in common, and what caches may hold."""

    name: str
    is_shared: bool
    host_cache_mib: int


CASES = (Case("shared, ample", True, 8192), Case("shared, tight", True, 16), Case("own, ample", False, 8192))
# Texts of a round: a system prompt and the user's messages of each conversation, the same to every side.
Plot = list[tuple[str, list[str]]]
Talk = dict[int, list[Answer]]  # answers by turn


def main() -> None:
    """Measure every model, print, write results."""
    options = parse_options(__doc__, rounds=1, models=("0.5B",))
    peers, cores = ensure_peers(), divide_cores()
    what = f"{NUM_CONVERSATIONS} conversations in turn on {NUM_SLOTS} slots; a value per turn"
    report = Report("http_conversations", what, options.quick)
    for name, model in options.models:
        layouts = LAYOUTS
        for case in CASES[:1] if options.quick else CASES:
            layouts = (measure(report, peers, cores, options, name, model, case, layouts),)
    report.finish()


def measure(
    report: Report,
    peers: Peers,
    cores: Cores,
    options: Options,
    name: str,
    model: Path,
    case: Case,
    layouts: tuple[Layout, ...],
) -> Layout:
    """All rounds of one case; llama-server's better layout."""
    size = Size(NUM_SLOTS * PER_SLOT_TOKENS, NUM_SLOTS, cores.num_threads, case.host_cache_mib)
    plans = [labkit(model, size), *(llama_server(peers, model, size, layout) for layout in layouts)]
    words, work = Words(model, seed=3), f"{name}, {case.name}"
    talks: dict[str, list[Talk]] = defaultdict(list)
    with all_running(plans, cores=cores.servers) as servers:
        for server in servers.values():
            run_load(server.url, server.model, [chat(words.text(16), max_tokens=4)])
            report.settings[f"{work}: {server.name}"] = server.shown
        plots = [write_plot(words, case) for _ in range(options.rounds)]
        for number, side in rounds(options.rounds, list(servers)):
            talks[side].append(hold(servers[side], plots[number]))
        for server in servers.values():
            report.note(f"{work}: {server.name} holds {server.rss_bytes() / 2**20:,.0f} MiB afterwards (RSS)")
    better = min(layouts, key=lambda layout: median(ttft_p50(talks[f"llama-server {layout}"])))
    peer = f"llama-server {better}"
    report.compare(work, "TTFT p50 s", peer, ttft_p50(talks["labkit"]), ttft_p50(talks[peer]), Bar("<=", 0.5))
    for side, held in talks.items():
        later = [answer for talk in held for turn in range(1, NUM_TURNS) for answer in talk[turn]]
        prompts, reused = (sum(getattr(a, field) or 0 for a in later) for field in ("prompt_tokens", "cached_tokens"))
        report.note(f"{work}: {side} reused {reused:,} of {prompts:,} prompt tokens from the second turn on")
    return better


def write_plot(words: Words, case: Case) -> Plot:
    """What is said in a round."""
    shared = words.text(SYSTEM_TOKENS)
    return [
        (
            shared if case.is_shared else words.text(SYSTEM_TOKENS),
            [words.text(NEXT_TOKENS if turn else FIRST_TOKENS) for turn in range(NUM_TURNS)],
        )
        for _ in range(NUM_CONVERSATIONS)
    ]


def hold(server: RunningServer, plot: Plot) -> Talk:
    """Hold all conversations."""
    spoken: list[list[str]] = [[] for _ in plot]
    talk: Talk = defaultdict(list)
    for turn in range(NUM_TURNS):
        for conversation, (system, messages) in zip(spoken, plot, strict=True):
            conversation.append(messages[turn])
            body = chat(*conversation, system=system, max_tokens=ANSWER_TOKENS)
            (answer,) = run_load(server.url, server.model, [body]).answers
            conversation.append(answer.text)
            talk[turn].append(answer)
    return talk


def ttft_p50(talks: list[Talk]) -> list[float]:
    """Median time to first token of every later turn of every round, in seconds."""
    return [median(answer.ttft_seconds for answer in talk[turn]) for talk in talks for turn in range(1, NUM_TURNS)]


if __name__ == "__main__":
    main()
