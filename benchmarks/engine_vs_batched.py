"""The engine's loop in process against llama-batched-bench: decode at batch 1, 4 and 8.

    python benchmarks/engine_vs_batched.py [--rounds N] [--quick] [--models 0.5B,1B]

Both decode random prompts with the same threads, each run in a process of its own, warm after one short stream.
Counted are tokens per second while all sequences of the batch decode. llama-batched-bench feeds random tokens and
samples nothing; the engine samples greedily, detokenizes and schedules. llama-batched-bench runs with both KV layouts;
the one with more tokens per second at a batch size is that row's peer.
"""

import json
import random
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

from cores import Cores, divide_cores
from options import Options, parse_options
from paired import Bar, Report, rounds
from peers.build import Peers, ensure_peers
from peers.process import output_of, shown_command

BATCHES = (1, 4, 8)
PROMPT_TOKENS, ANSWER_TOKENS = 32, 64
ONCE = "--once"
SPLIT, UNIFIED = "llama-batched-bench split", "llama-batched-bench unified"


def main() -> None:
    """Measure every model, print, write results."""
    if ONCE in sys.argv:
        _once(Path(sys.argv[2]), int(sys.argv[3]))
        return
    options = parse_options(__doc__, rounds=3, models=("0.5B", "1B"), quick_rounds=2)
    peers, cores = ensure_peers(), divide_cores()
    report = Report("engine_vs_batched", "decode, the engine's loop in process, greedy", options.quick)
    for name, model in options.models:
        measure(report, peers, cores, options, name, model)
    report.settings |= {"threads": cores.num_threads, "prompt and answer tokens": [PROMPT_TOKENS, ANSWER_TOKENS]}
    report.finish()


def measure(report: Report, peers: Peers, cores: Cores, options: Options, name: str, model: Path) -> None:
    """All rounds on one model."""
    runs: dict[str, list[dict[int, float]]] = defaultdict(list)
    for _, side in rounds(options.rounds, ("engine", SPLIT, UNIFIED)):
        if side == "engine":
            runs[side].append(run_engine(model, cores))
        else:
            rates, shown = run_peer(peers, model, cores, unified=side == UNIFIED)
            runs[side].append(rates)
            report.settings[f"{name}: {side}"] = shown
    for batch in BATCHES:
        better = max((SPLIT, UNIFIED), key=lambda side: median(rates[batch] for rates in runs[side]))
        ours, theirs = ([rates[batch] for rates in runs[side]] for side in ("engine", better))
        report.compare(f"{name}, batch {batch}", "tokens/s", better, ours, theirs, Bar(">=", 0.97), us="engine")


def run_engine(model: Path, cores: Cores) -> dict[int, float]:
    """Tokens per second by batch size, of a fresh process."""
    command = (sys.executable, __file__, ONCE, str(model), str(cores.num_threads))
    return {int(batch): rate for batch, rate in json.loads(output_of(command, cores=cores.servers)).items()}


def run_peer(peers: Peers, model: Path, cores: Cores, *, unified: bool) -> tuple[dict[int, float], str]:
    """The same of llama-batched-bench, and its command as shown."""
    flags = (
        *("-c", str(_cells()), "-b", "2048", "-ub", "512", "-t", str(cores.num_threads), "-tb", str(cores.num_threads)),
        *("-npp", str(PROMPT_TOKENS), "-ntg", str(ANSWER_TOKENS), "-npl", ",".join(map(str, BATCHES))),
        *("--output-format", "jsonl", "-kvu" if unified else "-no-kvu"),
    )
    program = peers.program("llama-batched-bench")
    output = output_of((str(program), "-m", str(model), *flags), cores=cores.servers)
    rows = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {row["pl"]: row["speed_tg"] for row in rows}, shown_command((program, "-m", model, *flags))


def _cells() -> int:
    return max(BATCHES) * 256  # a split cache is padded to 256 per sequence


def _once(model: Path, num_threads: int) -> None:
    """In the child: print tokens per second by batch size."""
    from labkit.engine.types import EngineConfig, GenerationRequest, SamplingParams
    from load.in_process import InProcess

    config = EngineConfig(context_tokens=_cells(), num_slots=max(BATCHES), num_threads=num_threads, speculation="off")
    engine = InProcess(model, config)
    numbers = random.Random(0)

    def request(name: str) -> GenerationRequest:
        prompt = tuple(numbers.randrange(engine.backend.model.vocab_size) for _ in range(PROMPT_TOKENS))
        return GenerationRequest(
            name, prompt, SamplingParams(temperature=0), ANSWER_TOKENS + 1, ignore_eos=True, reuse=False
        )

    engine.run([request("warm-up")], concurrency=1)
    rates: dict[int, float] = {}
    for batch in BATCHES:
        requests = [request(f"{batch}-{number}") for number in range(batch)]
        rates[batch] = engine.run(requests, concurrency=batch).decode_rate(batch)
    engine.close()
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
