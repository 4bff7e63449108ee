"""Embeddings: many inputs in one forward against one by one, and labkit's endpoint against llama-server's.

    python benchmarks/embedding_batch.py [--rounds N] [--quick]

A model in the shape of BERT-base with Q8_0 weights. In process: the embedder's packing against a forward for each
input. Over HTTP: requests of 32 passages, and single queries from 8 clients at once; llama-server runs with 8 and with
64 slots, and a row compares with the one that is faster at that work.
"""

import argparse
import json
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

import numpy as np

from cores import Cores, divide_cores
from embedding_model import VOCABULARY, bert_base
from labkit.engine.embedder import Embedder
from labkit.engine.native.embedding_backend import NativeEmbeddingBackend
from labkit.engine.native.model import NativeModel
from labkit.engine.types import EmbeddingEvent, EmbeddingRequest, EngineConfig
from labkit.gguf import embedding_facts, validate
from paired import Bar, Report, rounds
from peers.build import ensure_peers
from peers.process import RunningServer, all_running
from peers.servers import Size, labkit, llama_server_defaults

QUERIES, PASSAGES = (4, 12), (24, 96)
CLIENTS = 8
PASSAGES_PER_REQUEST = 32
SAME = 0.999
Inputs = list[list[int]]


def main() -> None:
    """Measure, print, write results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a short run: figures are for a look only")
    arguments = parser.parse_args()
    count = 1 if arguments.quick else arguments.rounds
    peers, cores = ensure_peers(), divide_cores()
    report = Report(
        "embedding_batch", "embeddings of a BERT-base shape, Q8_0: batched, alone, and over HTTP", arguments.quick
    )
    in_process(report, cores, count)
    flags = ("--embeddings", "--pooling", "mean", "-t", str(cores.num_threads), "-tb", str(cores.num_threads))
    plans = [labkit(bert_base(), Size(512, 8, cores.num_threads))]
    for slots in (8, 64):
        sizes = ("-np", str(slots), "-c", str(slots * 512), "-b", "2048", "-ub", "2048")
        plan = llama_server_defaults(peers, bert_base(), *flags, *sizes)
        plans.append(type(plan)(f"llama-server {slots}", plan.command, plan.ready_path, plan.shown))
    with all_running(plans, cores=cores.servers) as servers:
        over_http(report, servers, count)
    report.finish()


def draw_inputs(seed: int, number: int, lengths: tuple[int, int]) -> Inputs:
    """Random token ids, CLS and SEP around them."""
    draw = np.random.default_rng(seed)
    return [
        [2, *(int(token) for token in draw.integers(5, VOCABULARY, draw.integers(*lengths))), 3] for _ in range(number)
    ]


def in_process(report: Report, cores: Cores, count: int) -> None:
    """Rows for the engine alone."""
    path = bert_base()
    model = NativeModel(path)
    backend = NativeEmbeddingBackend(
        model, EngineConfig(num_threads=cores.num_threads), embedding_facts(validate(path))
    )
    done = threading.Event()
    embedder = Embedder(backend, lambda events: _set_when_over(events, done))
    embedder.start()

    def batched(inputs: Inputs) -> None:
        done.clear()
        embedder.submit(EmbeddingRequest("r", tuple(map(tuple, inputs))))
        done.wait()

    def alone(inputs: Inputs) -> None:
        for tokens in inputs:
            batched([tokens])

    ways: dict[str, Callable[[Inputs], None]] = {"batched": batched, "one by one": alone}
    for work, number, lengths in (("queries", 128, QUERIES), ("passages", 48, PASSAGES)):
        rates: dict[str, list[float]] = defaultdict(list)
        batched(draw_inputs(0, 4, lengths))
        for turn, way in rounds(count, list(ways)):
            inputs = draw_inputs(1 + turn, number, lengths)
            rates[way].append(_rate(number, partial(ways[way], inputs)))
        bar = Bar(">=", 1.0)
        report.compare(f"{work}, in process", "items/s", "one by one", rates["batched"], rates["one by one"], bar)
    report.settings["tokens of a query, of a passage"] = [QUERIES, PASSAGES]
    report.settings["tokens of a packed forward"] = backend.batch_tokens
    embedder.shutdown()
    backend.release()
    model.close()


def over_http(report: Report, servers: dict[str, RunningServer], count: int) -> None:
    """Rows for both endpoints, with the same token ids, and a check that they answer the same."""
    for server in servers.values():
        report.settings[server.name] = server.shown
    ours, *others = servers
    sample = draw_inputs(0, 8, PASSAGES)
    for name in others:
        pairs = zip(_embed(servers[ours], sample), _embed(servers[name], sample), strict=True)
        worst = min(float(a @ b) for a, b in pairs)
        report.require(f"same vectors as {name}", f"least cosine of 8 passages {worst:.5f}", worst > SAME)
    works = {
        f"{CLIENTS} clients, single queries": (96, QUERIES, 1, CLIENTS),
        f"1 client, {PASSAGES_PER_REQUEST} passages a request": (64, PASSAGES, PASSAGES_PER_REQUEST, 1),
        f"{CLIENTS} clients, single passages": (32, PASSAGES, 1, CLIENTS),
    }
    for work, (number, lengths, per_request, clients) in works.items():
        rates: dict[str, list[float]] = defaultdict(list)
        for turn, name in rounds(count, list(servers)):
            inputs = draw_inputs(100 + turn, number, lengths)
            requests = [inputs[start : start + per_request] for start in range(0, number, per_request)]
            rates[name].append(_rate(number, partial(_send, servers[name], requests, clients)))
        best = max(others, key=lambda name: median(rates[name]))
        report.compare(work, "items/s", best, rates[ours], rates[best], Bar(">=", 1.0))


def _send(server: RunningServer, requests: Sequence[Inputs], num_clients: int) -> None:
    with ThreadPoolExecutor(num_clients) as clients:
        list(clients.map(partial(_embed, server), requests))


def _embed(server: RunningServer, inputs: Inputs) -> list[np.ndarray]:
    body = json.dumps({"model": server.model, "input": inputs, "encoding_format": "float"}).encode()
    request = urllib.request.Request(f"{server.url}/v1/embeddings", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        return [np.array(item["embedding"], np.float32) for item in json.load(response)["data"]]


def _rate(number: int, work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return number / (time.perf_counter() - started)


def _set_when_over(events: list[EmbeddingEvent], done: threading.Event) -> None:
    for event in events:
        if event.error is not None:
            raise event.error
        if event.is_last:
            done.set()


if __name__ == "__main__":
    main()
