"""A repetitive edit: labkit with prompt look-up against llama-server as it comes, and against itself without.

    python benchmarks/http_speculation.py [--rounds N] [--quick] [--models 0.5B,nano]

One client asks for a text back with one word changed, greedily. The embedded model does copy words. A synthetic model
has random weights and copies nothing: "0.5B" is text that does not repeat, where drafting must not cost anything, and
"0.5B echo" has weights that make it repeat one token for ever, as repetitive as text can be: the most that look-up can
gain at that size on this machine. Text with and without speculation must be the same; where the weights are random
that also depends on rounding, which differs between batch sizes in llama.cpp.
"""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from cores import Cores, divide_cores
from load.client import Load, run_load
from load.metrics import rates, same_texts
from load.prompts import Words, chat
from options import SHAPES, Options, echo_model, parse_options
from paired import Bar, Report, rounds
from peers.build import Peers, ensure_peers
from peers.process import all_running
from peers.servers import Size, labkit, llama_server

NUM_REQUESTS, DOCUMENT_TOKENS, ANSWER_TOKENS = 2, 120, 128
NANO_DOCUMENT_TOKENS, NANO_ANSWER_TOKENS = 48, 48
WITHOUT, PEER = "labkit without speculation", "llama-server split"


def main() -> None:
    """Measure every model, print, write results."""
    options = parse_options(__doc__, rounds=2, models=("0.5B", "nano"))
    peers, cores = ensure_peers(), divide_cores()
    report = Report("http_speculation", "a repetitive edit, one client, greedy", options.quick)
    for name, model in options.models:
        measure(report, peers, cores, options, name, model)
        if name in SHAPES:
            measure(report, peers, cores, options, f"{name} echo", echo_model(name))
    report.finish()


def measure(report: Report, peers: Peers, cores: Cores, options: Options, name: str, model: Path) -> None:
    """All rounds on one model."""
    size = Size(4 * 512, 4, 1 if name == "nano" else cores.num_threads)
    off = replace(labkit(model, size, speculation="off"), name=WITHOUT)
    plans = [labkit(model, size, speculation="prompt"), off, llama_server(peers, model, size, "split")]
    words = Words(model, seed=5)
    runs: dict[str, list[Load]] = defaultdict(list)
    with all_running(plans, cores=cores.servers) as servers:
        for server in servers.values():
            run_load(server.url, server.model, [edit(words, name)])
            report.settings[f"{name}: {server.name}"] = server.shown
        work = [[edit(words, name) for _ in range(NUM_REQUESTS)] for _ in range(options.rounds)]
        for number, side in rounds(options.rounds, list(servers)):
            server = servers[side]
            runs[side].append(run_load(server.url, server.model, work[number]))
    bar = Bar(">=", 2.0) if name.endswith("echo") else None
    report.compare(name, "tokens/s", PEER, rates(runs["labkit"]), rates(runs[PEER]), bar)
    report.compare(name, "tokens/s", WITHOUT, rates(runs["labkit"]), rates(runs[WITHOUT]))
    same = same_texts(runs["labkit"], runs[WITHOUT])
    alike = same.split(" of ")[0] == same.split(" of ")[1]
    report.require(name, f"{same} greedy texts are the same with and without speculation", alike)
    report.note(f"{name}: {same_texts(runs['labkit'], runs[PEER])} texts are the same as {PEER}'s")


def edit(words: Words, name: str) -> dict[str, Any]:
    """A document, and the wish to have it back with its first word changed."""
    if name == "nano":
        return chat(f"Repeat: {words.text(NANO_DOCUMENT_TOKENS)}", max_tokens=NANO_ANSWER_TOKENS)
    document = words.text(DOCUMENT_TOKENS)
    wish = f"Return this text with the word {document.split()[0]} replaced by {words.text(2)}: {document}"
    return chat(wish, max_tokens=ANSWER_TOKENS)


if __name__ == "__main__":
    main()
