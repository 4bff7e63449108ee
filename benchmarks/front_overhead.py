"""What front and worker add: the embedded model at concurrency 8 through `labkit serve`, and its engine in process.

    python benchmarks/front_overhead.py [--rounds N] [--quick]

Both get the same prompts as tokens or as text, eight requests at a time, one thread, no speculation. Neither keeps
cells of what has ended: kept cells slow down a tiny model's attention, and the process lives shorter than the server.
The embedded model
is tiny, so this is the worst case there is: a step takes a fraction of a millisecond.
"""

import json
import sys
from dataclasses import dataclass
from statistics import median
from typing import Any

from cores import Cores, divide_cores
from load.client import run_load
from load.first_byte import first_byte_seconds
from load.metrics import ttfts
from load.prompts import Words, chat
from options import find_model, parse_options
from paired import Bar, Report, rounds
from peers.process import RunningServer, output_of, running
from peers.servers import Size, labkit

CONCURRENCY, PROMPT_TOKENS, ANSWER_TOKENS = 8, 32, 128
FIRST_TOKENS, FIRST_BYTE_BAR_MS = 40, 2.0
SIZE = Size(CONCURRENCY * 512, CONCURRENCY, 1)
IN_PROCESS, SERVED = "engine in process", "labkit serve"


def main() -> None:
    """Measure, print, write results."""
    if "--once" in sys.argv:
        _once()
        return
    options = parse_options(__doc__, rounds=7, models=("nano",), quick_rounds=3)
    cores = divide_cores()
    report = Report(
        "front_overhead", f"nano at concurrency {CONCURRENCY}: `labkit serve` / engine in process", options.quick
    )
    ((name, model),) = options.models
    words = Words(model, seed=6)
    served: list[Round] = []
    alone: list[Round] = []
    with running(labkit(model, SIZE, speculation="off"), cores=cores.servers) as server:
        report.settings[SERVED] = server.shown
        warm = [request(words) for _ in range(CONCURRENCY)]
        run_load(server.url, server.model, warm, concurrency=CONCURRENCY)
        for _, side in rounds(options.rounds, (SERVED, IN_PROCESS)):
            work = [request(words) for _ in range(CONCURRENCY * (2 if options.quick else 4))]
            one_by_one = [short(words) for _ in range(FIRST_TOKENS)]
            if side == SERVED:
                served.append(ask_server(server, work, one_by_one))
            else:
                alone.append(run_engine(work, one_by_one, cores))
    rates = [[one.tokens_per_second for one in side] for side in (served, alone)]
    report.compare(name, "tokens/s", IN_PROCESS, *rates, Bar(">=", 0.85), us=SERVED)
    report.note(f"overhead {100 * (1 - median(s / a for s, a in zip(*rates, strict=True))):.1f} %")
    for place, work in enumerate((f"concurrency {CONCURRENCY}", "one by one")):
        _require_first_byte(
            report, f"{name}, {work}", *([one.first_seconds[place] for one in side] for side in (served, alone))
        )
    if cores.client == cores.servers:
        report.note("the load generator shares the processors with the server, and takes its part")
    report.finish()


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one side. `first_seconds` are median times to the first byte or token: under load, one by one."""

    tokens_per_second: float
    first_seconds: tuple[float, float]


def ask_server(server: RunningServer, work: list[dict[str, Any]], one_by_one: list[dict[str, Any]]) -> Round:
    """A round of the server."""
    load = run_load(server.url, server.model, work, concurrency=CONCURRENCY)
    return Round(
        load.tokens_per_second,
        (ttfts([load])[0], median(first_byte_seconds(server.url, server.model, one_by_one))),
    )


def _require_first_byte(report: Report, work: str, served: list[float], alone: list[float]) -> None:
    added = 1000 * median(a - b for a, b in zip(served, alone, strict=True))
    both = f"{1000 * median(served):.2f} ms served, {1000 * median(alone):.2f} ms in process"
    text = f"first byte p50: {both}; {added:.2f} ms added (bar {FIRST_BYTE_BAR_MS} ms)"
    report.require(work, text, added <= FIRST_BYTE_BAR_MS)


def request(words: Words) -> dict[str, Any]:
    """One request that nobody has seen."""
    return chat(words.text(PROMPT_TOKENS), max_tokens=ANSWER_TOKENS) | {"cache_prompt": False}


def short(words: Words) -> dict[str, Any]:
    """One request whose first token is what counts."""
    return request(words) | {"max_tokens": 2}


def run_engine(work: list[dict[str, Any]], one_by_one: list[dict[str, Any]], cores: Cores) -> Round:
    """A round of a fresh process with an engine of its own."""
    conversations = json.dumps([[body["messages"] for body in bodies] for bodies in (work, one_by_one)])
    printed = output_of((sys.executable, __file__, "--once"), cores=cores.servers, stdin=conversations)
    rate, under_load, alone = map(float, printed.split())
    return Round(rate, (under_load, alone))


def _once() -> None:
    """In the child: conversations as JSON on stdin, tokens per second and times to first tokens on stdout."""
    from labkit.chat import ChatTemplate
    from labkit.engine.types import EngineConfig, GenerationRequest, SamplingParams
    from load.in_process import InProcess

    config = EngineConfig(
        context_tokens=SIZE.context_tokens, num_slots=SIZE.num_slots, num_threads=SIZE.num_threads, speculation="off"
    )
    engine = InProcess(find_model("nano"), config)
    model = engine.backend.model
    template = ChatTemplate(model.chat_template or "", bos=model.token_text(model.bos), eos=model.token_text(model.eos))

    def requests(conversations: list[Any], prefix: str, max_tokens: int) -> list[GenerationRequest]:
        return [
            GenerationRequest(
                f"{prefix}-{number}",
                tuple(model.tokenize(template.render(tuple(messages)))),
                SamplingParams(temperature=0),
                max_tokens,
                ignore_eos=True,
                reuse=False,
            )
            for number, messages in enumerate(conversations)
        ]

    work, one_by_one = json.load(sys.stdin)
    engine.run(requests(work[:CONCURRENCY], "warm", ANSWER_TOKENS), concurrency=CONCURRENCY)
    steps = engine.run(requests(work, "work", ANSWER_TOKENS), concurrency=CONCURRENCY)
    alone = engine.run(requests(one_by_one, "first", 2), concurrency=1)
    print(steps.rate(), median(steps.first_token_seconds()), median(alone.first_token_seconds()))
    engine.close()


if __name__ == "__main__":
    main()
