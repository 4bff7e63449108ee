"""Answers that must follow a JSON schema: labkit against llama-server's grammar.

    python benchmarks/http_schema.py [--rounds N] [--quick] [--models nano,0.5B]

Every string, number and list of the schema is bounded, so that also a model with random weights comes to an end.
All answers must parse and satisfy the schema on both sides. Tokens are counted by each server; the languages differ in
white space (llama-server's grammar allows some), so answers per second are reported too.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema

from cores import Cores, divide_cores
from load.client import Load, run_load
from load.metrics import rates
from load.prompts import Words, chat
from options import Options, parse_options
from paired import Bar, Report, rounds
from peers.build import Peers, ensure_peers
from peers.process import all_running
from peers.servers import LAYOUTS, Size, labkit, llama_server

CONCURRENCY, NUM_REQUESTS, PROMPT_TOKENS, MOST_TOKENS = 4, 8, 32, 400
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "city": {"enum": ["Lisbon", "Oslo", "Quito", "Nairobi"]},
        "member": {"type": "boolean"},
        "skills": {"type": "array", "items": {"enum": ["cook", "sing", "code", "paint"]}, "minItems": 2, "maxItems": 3},
        "address": {
            "type": "object",
            "properties": {
                "street_name": {"type": "string", "maxLength": 10},
                "house_number": {"type": "integer", "minimum": 1, "maximum": 99},
            },
            "required": ["street_name", "house_number"],
            "additionalProperties": False,
        },
    },
    "required": ["name", "age", "city", "member", "skills", "address"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}


def main() -> None:
    """Measure every model, print, write results."""
    options = parse_options(__doc__, rounds=2, models=("nano", "0.5B"))
    peers, cores = ensure_peers(), divide_cores()
    report = Report("http_schema", f"JSON schema output, concurrency {CONCURRENCY}, cold", options.quick)
    for name, model in options.models:
        measure(report, peers, cores, options, name, model)
    report.finish()


def measure(report: Report, peers: Peers, cores: Cores, options: Options, name: str, model: Path) -> None:
    """All rounds on one model."""
    size = Size(CONCURRENCY * 512, CONCURRENCY, 1 if name == "nano" else cores.num_threads)
    plans = [labkit(model, size), *(llama_server(peers, model, size, layout) for layout in LAYOUTS)]
    words = Words(model, seed=4)
    runs: dict[str, list[Load]] = defaultdict(list)
    with all_running(plans, cores=cores.servers) as servers:
        for server in servers.values():
            run_load(server.url, server.model, [request(words)], may_fail=True)
            report.settings[f"{name}: {server.name}"] = server.shown
        work = [[request(words) for _ in range(NUM_REQUESTS)] for _ in range(options.rounds)]
        for number, side in rounds(options.rounds, list(servers)):
            server = servers[side]
            load = run_load(server.url, server.model, work[number], concurrency=CONCURRENCY, may_fail=side != "labkit")
            runs[side].append(load)
    better = max((side for side in runs if side != "labkit"), key=lambda side: sorted(rates(runs[side])))
    ours, theirs = runs["labkit"], runs[better]
    report.compare(name, "tokens/s", better, rates(ours), rates(theirs), Bar(">=", 1.0))
    report.compare(name, "answers/s", better, answer_rates(ours), answer_rates(theirs))
    for side, loads in (("labkit", ours), (better, theirs)):
        texts = [answer.text for load in loads for answer in load.answers]
        valid = sum(is_valid(text) for text in texts)
        if side == "labkit":
            report.require(name, f"{valid} of {len(texts)} answers satisfy the schema", valid == len(texts))
        else:
            report.note(f"{name}: of {side}'s answers {valid} of {len(texts)} satisfy the schema")
            for problem in sorted({answer.problem for load in loads for answer in load.answers if answer.problem}):
                report.note(f"{name}: {side}: {problem}")


def request(words: Words) -> dict[str, Any]:
    """One request; the end of generation is the grammar's, so it is not ignored."""
    text = "Turn this into JSON: " + words.text(PROMPT_TOKENS)
    return chat(text, max_tokens=MOST_TOKENS, ignore_eos=False, response_format=FORMAT)


def is_valid(text: str) -> bool:
    """Whether an answer is JSON of the schema."""
    try:
        jsonschema.validate(json.loads(text), SCHEMA)
    except (json.JSONDecodeError, jsonschema.ValidationError):
        return False
    return True


def answer_rates(loads: Sequence[Load]) -> list[float]:
    """Answers per second of every round."""
    return [len(load.answers) / load.wall_seconds for load in loads]


if __name__ == "__main__":
    main()
