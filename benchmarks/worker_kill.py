"""Kill -9 the worker in mid-stream, again and again: how soon the client is told, how soon it is served again.

Usage: python benchmarks/worker_kill.py [--kills 12] [--model nano] [--threads 1] [--output FILE.json]

Each kill counts as the first one (the restart policy's window is zero), so the back-off is 0.2 s every time. The
times include everything a client sees: the front's notice, the restart, loading the model, prefill of the next prompt.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx2

from labkit.engine.types import EngineConfig
from labkit.serving import RestartPolicy, find_model, running_endpoint
from labkit.serving.plan import EndpointPlan
from labkit.settings import load_settings

ERROR_BAR_SECONDS = 1.0
NEXT_BAR_SECONDS = 5.0
QUESTION = "Tell me a long story about a river."


def main() -> None:
    """Measure, print a table, leave with 1 when a bar was missed."""
    arguments = _arguments()
    model = find_model(arguments.model, load_settings())
    with tempfile.TemporaryDirectory() as logs:
        plan = EndpointPlan(
            models=(model,),
            logs_folder=Path(logs),
            port=0,
            engine=EngineConfig(num_threads=arguments.threads),
            restart=RestartPolicy(window_seconds=0.0),
            drain_seconds=0.0,
        )
        with (
            running_endpoint(plan) as endpoint,
            httpx2.Client(base_url=endpoint.url, timeout=60, trust_env=False) as http,
        ):
            kills = [
                _kill_once(http, lambda: endpoint.worker_pids()[model.ref.name], model.ref.name)
                for _ in range(arguments.kills)
            ]
    result = _summary(kills, model.ref.name)
    print(json.dumps(result, indent=2))
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    raise SystemExit(0 if result["passed"] else 1)


def _kill_once(http: httpx2.Client, worker_pid, model: str) -> dict[str, float | int]:
    request = {
        "model": model, "messages": [{"role": "user", "content": QUESTION}], "stream": True, "ignore_eos": True,
    }  # fmt: skip
    killed_at: list[float] = []
    num_tokens = num_errors = num_done = 0
    told_at = 0.0
    with http.stream("POST", "/v1/chat/completions", json=request) as response:
        for event in httpx2.EventSource(response):
            if event.data == "[DONE]":
                num_done += 1
            elif "error" in json.loads(event.data):
                num_errors += 1
                told_at = time.perf_counter()
            else:
                num_tokens += 1
                if num_tokens == 5:
                    threading.Thread(target=_kill, args=(worker_pid(), killed_at)).start()
    answer = http.post("/v1/chat/completions", json={**request, "stream": False, "max_tokens": 1})
    answered_at = time.perf_counter()
    answer.raise_for_status()
    return {
        "tokens_before": num_tokens,
        "error_events": num_errors,
        "done_events": num_done,
        "error_seconds": told_at - killed_at[0],
        "next_answer_seconds": answered_at - killed_at[0],
    }


def _kill(pid: int, killed_at: list[float]) -> None:
    killed_at.append(time.perf_counter())
    os.kill(pid, signal.SIGKILL)


def _summary(kills: list[dict[str, float | int]], model: str) -> dict[str, object]:
    def spread(name: str) -> dict[str, float]:
        values = [kill[name] for kill in kills]
        return {
            "min": round(min(values), 4),
            "median": round(statistics.median(values), 4),
            "max": round(max(values), 4),
        }

    exactly_one = all(kill["error_events"] == 1 and kill["done_events"] == 0 for kill in kills)
    error, following = spread("error_seconds"), spread("next_answer_seconds")
    return {
        "what": "kill -9 of the worker in mid-stream",
        "model": model,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}",
        "num_kills": len(kills),
        "exactly_one_error_event_each": exactly_one,
        "error_event_seconds": error,
        "next_answer_seconds": following,
        "bars": {"error_event_seconds": ERROR_BAR_SECONDS, "next_answer_seconds": NEXT_BAR_SECONDS},
        "passed": exactly_one and error["max"] <= ERROR_BAR_SECONDS and following["max"] <= NEXT_BAR_SECONDS,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
