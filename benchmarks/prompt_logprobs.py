"""Log-probabilities of prompts: how fast they are read, and whether the numbers depend on what else runs.

    python benchmarks/prompt_logprobs.py [--rounds N] [--quick] [--models nano,0.5B]

Eight prompts at once through the engine, scored with the best token of each place beside (what lm-eval asks for), over
the same prompts read without logits. The numbers must be those of a direct evaluation, token after token, with nobody
else there.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cores import divide_cores
from labkit.engine.engine import Engine
from labkit.engine.native.backend import NativeBackend
from labkit.engine.native.context import NativeContext
from labkit.engine.types import EngineConfig, GenerationRequest, TokenEvent
from options import parse_options
from paired import Bar, Report, rounds

NUM_PROMPTS = 8
PROMPT_TOKENS = 400
MOST_DIFFERENCE = 1e-3
SCORED, READ = "scored", "read only"


class Bench:
    """One model in one engine that is stepped here."""

    def __init__(self, path: Path, num_threads: int) -> None:
        config = EngineConfig(context_tokens=NUM_PROMPTS * (PROMPT_TOKENS + 8), num_threads=num_threads)
        self.backend = NativeBackend(path, config)
        self.backend.prepare()
        self.events: list[TokenEvent] = []
        self.engine = Engine(self.backend, self.events.extend, config=config)
        draw = np.random.default_rng(0)
        words = self.backend.model.tokenize((Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8"))
        starts = draw.integers(0, len(words) - PROMPT_TOKENS, NUM_PROMPTS)
        self.prompts = [tuple(words[start : start + PROMPT_TOKENS]) for start in starts]

    def run(self, side: str, number: int) -> float:
        """Tokens per second of all prompts at once."""
        self.events.clear()
        scores = 1 if side == SCORED else None
        started = time.perf_counter()
        for place, prompt in enumerate(self.prompts):
            name = f"{side} {number} {place}"
            self.engine.submit(GenerationRequest(name, prompt, max_tokens=0, prompt_logprobs=scores, reuse=False))
        while len(self.events) < NUM_PROMPTS:
            self.engine.step()
        return NUM_PROMPTS * PROMPT_TOKENS / (time.perf_counter() - started)

    def scores(self, place: int) -> list[float]:
        """What the last run found for a prompt."""
        (event,) = [event for event in self.events if event.request_id.endswith(f" {place}")]
        return [each.logprob for each in event.prompt_logprobs]

    def direct(self, prompt: Sequence[int]) -> list[float]:
        """The same by hand: one token after the other in a context of its own."""
        context = NativeContext(self.backend.model, context_tokens=PROMPT_TOKENS + 8)
        found: list[float] = []
        for place, token in enumerate(prompt[:-1]):
            context.forward_token(token, place)
            logits = context.logits(0).astype(np.float64)
            found.append(float(logits[prompt[place + 1]] - np.logaddexp.reduce(logits)))
        context.close()
        return found


def main() -> None:
    """Measure every model, print, write results."""
    options = parse_options(__doc__, rounds=5, models=("nano",), quick_rounds=3)
    threads = divide_cores().num_threads
    report = Report("prompt_logprobs", "prompts with their log-probabilities, over prompts alone", options.quick)
    report.settings |= {"threads": threads, "prompts": NUM_PROMPTS, "tokens of each": PROMPT_TOKENS}
    for name, path in options.models:
        bench = Bench(path, threads)
        rates: dict[str, list[float]] = {SCORED: [], READ: []}
        for number, side in rounds(options.rounds, (READ, SCORED)):
            rates[side].append(bench.run(side, number))
        report.compare(f"{name}, {NUM_PROMPTS} prompts", "tokens/s", READ, rates[SCORED], rates[READ], Bar(">=", 0.5))
        bench.run(SCORED, -1)
        pairs = zip(bench.direct(bench.prompts[0]), bench.scores(0), strict=True)
        difference = max(abs(direct - scored) for direct, scored in pairs)
        text = f"log-probabilities differ from a direct evaluation by {difference:.2g} at most"
        report.require(name, text, difference <= MOST_DIFFERENCE)
        bench.backend.release()
    report.finish()


if __name__ == "__main__":
    main()
