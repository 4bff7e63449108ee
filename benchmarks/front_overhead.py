"""What front and worker add: the embedded model at concurrency 8 through `labkit serve`, and its engine in process.

    python benchmarks/front_overhead.py [--rounds N] [--quick]

Both get the same prompts as tokens or as text, eight requests at a time, one thread, no speculation. Neither keeps
cells of what has ended: kept cells slow down a tiny model's attention, and the process lives shorter than the server.
The embedded model
is tiny, so this is the worst case there is: a step takes a fraction of a millisecond.
"""

import json
import sys
from statistics import median
from typing import Any

from cores import Cores, divide_cores
from load.client import run_load
from load.first_byte import first_byte_seconds
from load.prompts import Words, chat
from options import find_model, parse_options
from paired import Bar, Report, rounds
from peers.process import output_of, running
from peers.servers import Size, labkit

CONCURRENCY, PROMPT_TOKENS, ANSWER_TOKENS = 8, 32, 128
FIRST_TOKENS, FIRST_TOKEN_BAR_MS = 40, 2.0
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
    served: list[float] = []
    alone: list[float] = []
    first_served: list[float] = []
    first_alone: list[float] = []
    with running(labkit(model, SIZE, speculation="off"), cores=cores.servers) as server:
        report.settings[SERVED] = server.shown
        warm = [request(words) for _ in range(CONCURRENCY)]
        run_load(server.url, server.model, warm, concurrency=CONCURRENCY)
        for _, side in rounds(options.rounds, (SERVED, IN_PROCESS)):
            work = [request(words) for _ in range(CONCURRENCY * (2 if options.quick else 4))]
            if side == SERVED:
                served.append(run_load(server.url, server.model, work, concurrency=CONCURRENCY).tokens_per_second)
                one_by_one = [short(words) for _ in range(FIRST_TOKENS)]
                first_served.append(median(first_byte_seconds(server.url, server.model, one_by_one)))
            else:
                rate, first_token = run_engine(work, [short(words) for _ in range(FIRST_TOKENS)], cores)
                alone.append(rate)
                first_alone.append(first_token)
    report.compare(name, "tokens/s", IN_PROCESS, served, alone, Bar(">=", 0.85), us=SERVED)
    report.note(f"overhead {100 * (1 - median(s / a for s, a in zip(served, alone, strict=True))):.1f} %")
    _require_first_token(report, name, first_served, first_alone)
    if cores.client == cores.servers:
        report.note("the load generator shares the processors with the server, and takes its part")
    report.finish()


def _require_first_token(report: Report, name: str, served: list[float], alone: list[float]) -> None:
    added = 1000 * median(a - b for a, b in zip(served, alone, strict=True))
    both = f"{1000 * median(served):.2f} ms served, {1000 * median(alone):.2f} ms in process"
    text = f"first byte p50, one by one: {both}; {added:.2f} ms added (bar {FIRST_TOKEN_BAR_MS} ms)"
    report.require(name, text, added <= FIRST_TOKEN_BAR_MS)


def request(words: Words) -> dict[str, Any]:
    """One request that nobody has seen."""
    return chat(words.text(PROMPT_TOKENS), max_tokens=ANSWER_TOKENS) | {"cache_prompt": False}


def short(words: Words) -> dict[str, Any]:
    """One request whose first token is what counts."""
    return request(words) | {"max_tokens": 2}


def run_engine(work: list[dict[str, Any]], one_by_one: list[dict[str, Any]], cores: Cores) -> tuple[float, float]:
    """Tokens per second, and the median time to a first token, of a fresh process with an engine of its own."""
    conversations = json.dumps([[body["messages"] for body in bodies] for bodies in (work, one_by_one)])
    rate, first_token = output_of(
        (sys.executable, __file__, "--once"), cores=cores.servers, stdin=conversations
    ).split()
    return float(rate), float(first_token)


def _once() -> None:
    """In the child: conversations as JSON on stdin, tokens per second and the time to a first token on stdout."""
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
    rate = engine.run(requests(work, "work", ANSWER_TOKENS), concurrency=CONCURRENCY).rate()
    first_tokens = engine.run(requests(one_by_one, "first", 2), concurrency=1).first_token_seconds()
    print(rate, median(first_tokens))
    engine.close()


if __name__ == "__main__":
    main()
