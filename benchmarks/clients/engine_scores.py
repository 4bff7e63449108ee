"""Log-likelihoods of the questions in `mc_data`, computed by the engine in this process: no HTTP, no worker.

`python engine_scores.py FILE` writes {"QUESTION.CHOICE": log-likelihood} for `lm_eval_client.py`.
"""

import json
import sys
import threading
from pathlib import Path

from mc_data import QUESTIONS

from labkit.engine.engine import Engine
from labkit.engine.native.backend import NativeBackend
from labkit.engine.types import EngineConfig, GenerationRequest, TokenEvent
from labkit.resources import embedded_model


def engine_scores() -> dict[str, float]:
    """One request at a time."""
    backend = NativeBackend(embedded_model(), EngineConfig())
    told: list[TokenEvent] = []
    done = threading.Semaphore(0)

    def on_step(events: list[TokenEvent]) -> None:
        told.extend(events)
        for event in events:
            if event.is_last:
                done.release()

    engine = Engine(backend, on_step)
    engine.start()
    scores = {}
    for number, question in enumerate(QUESTIONS):
        context = backend.model.tokenize(question["question"])
        for k, choice in enumerate(question["choices"]):
            whole = tuple(backend.model.tokenize(question["question"] + choice))
            engine.submit(GenerationRequest(f"{number}.{k}", whole, max_tokens=0, prompt_logprobs=0))
            done.acquire()
            found = [each.logprob for event in told for each in event.prompt_logprobs]
            scores[f"{number}.{k}"] = sum(found[len(context) - 1 :])
            told.clear()
    engine.shutdown(timeout_seconds=10)
    backend.release()
    return scores


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(engine_scores()))
