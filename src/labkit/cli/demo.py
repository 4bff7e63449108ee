"""`labkit demo`: the whole of labkit on the model that comes with it, without a network."""

import time
from typing import TYPE_CHECKING

from labkit.cli import output

if TYPE_CHECKING:
    from labkit.bench import CoreRecord
    from labkit.client import ChatClient
    from labkit.hardware import HardwareProfile
    from labkit.settings import Settings

MODEL = "nano"
NUM_RECOMMENDED = 3
_MACHINE_ROWS = ("processor", "cores", "budget", "version")
_GREEDY = {"temperature": 0, "max_tokens": 96}


def demo() -> None:
    """Look over this machine, serve the embedded model, let it answer, call a tool, and measure it.

    Needs no network and no download. Ctrl-C stops it at any moment and leaves nothing behind.

    Example: labkit demo
    """
    from labkit.client import ChatClient
    from labkit.serving import plan_endpoint, running_endpoint
    from labkit.settings import load_settings

    started = time.monotonic()
    settings = load_settings()
    profile = _show_machine(settings)
    _show_recommendations(profile, settings)
    _title("An endpoint for OpenAI clients")
    with running_endpoint(plan_endpoint([MODEL], settings, port=0)) as endpoint:
        _line(f"{MODEL} is served at {endpoint.url}/v1, by a worker process of its own")
        with ChatClient(endpoint.url) as client:
            rate = _stream_an_answer(client)
            _answer_in_json(client)
            _call_a_tool(client)
        threads = endpoint.models[0].num_threads
    records = _measure(settings, threads)
    _close(rate, records, time.monotonic() - started)


def _show_machine(settings: "Settings") -> "HardwareProfile":
    from labkit.cli.doctor_report import report_groups
    from labkit.hardware import detect_hardware, render_verdict

    _title("This machine")
    with output.talk().status("looking over this machine, measuring its memory"):
        profile = detect_hardware(settings, measure=True)
    for group in report_groups(profile):
        for label, value in group.rows:
            if group.title == "GPU" or label in _MACHINE_ROWS or "best" in value:
                name = group.title if label in ("version", "none found") else label
                _line(f"{name:<14} {value or label}")
    _line(render_verdict(profile), style="bold")
    for problem in profile.problems:
        _line(f"{problem.severity}: {problem.what}", style="yellow")
    return profile


def _show_recommendations(profile: "HardwareProfile", settings: "Settings") -> None:
    from labkit.catalog import load_catalog
    from labkit.cli.recommend_report import print_table
    from labkit.estimate import machine_from_profile
    from labkit.recommend import Wish, embedded_recommendation, rank

    _title("Models it can run (estimated, nothing is downloaded)")
    machine, wish = machine_from_profile(profile), Wish(top=NUM_RECOMMENDED)
    ranking = rank(machine, load_catalog(settings.catalog_folder), wish)
    here = embedded_recommendation(machine, wish)
    print_table([*ranking.recommendations, *([here] if here else [])], ranking)


def _stream_an_answer(client: "ChatClient") -> float | None:
    from labkit.cli.demo_script import QUESTION

    _title("A streamed answer")
    _ask(QUESTION)
    console, rate = output.console(), None
    console.print("  ", end="")
    for delta in client.stream(MODEL, [{"role": "user", "content": QUESTION}], **_GREEDY):
        console.print(delta.content, end="", markup=False, soft_wrap=True, style="green")
        if delta.timings:
            rate = delta.timings.get("predicted_per_second")
    console.print()
    if rate:
        from labkit.units import render_tokens_per_second

        _line(f"{render_tokens_per_second(rate)} through the endpoint", style="dim")
    return rate


def _answer_in_json(client: "ChatClient") -> None:
    import json

    import jsonschema

    from labkit.cli.demo_script import EXTRACTION, SCHEMA

    _title("An answer that must fit a JSON schema")
    _ask(EXTRACTION)
    schema = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
    answer = client.complete(MODEL, [{"role": "user", "content": EXTRACTION}], response_format=schema, **_GREEDY)
    _line(answer.content, style="green")
    jsonschema.validate(json.loads(answer.content), SCHEMA)
    _line("valid against the schema: decoding was constrained to it", style="dim")


def _call_a_tool(client: "ChatClient") -> None:
    from labkit.cli.demo_script import TOOL, TOOL_QUESTION, follow_up, read_call

    _title("A tool call")
    _ask(TOOL_QUESTION)
    question = [{"role": "user", "content": TOOL_QUESTION}]
    answer = client.complete(MODEL, question, tools=[TOOL], **_GREEDY)
    if not answer.tool_calls:  # a small model may answer instead; then it is told to call
        answer = client.complete(MODEL, question, tools=[TOOL], tool_choice="required", **_GREEDY)
    call = read_call(dict(answer.tool_calls[0]))
    _line(f"{call.name}({call.raw['function']['arguments']})", style="green")
    result = {"model": MODEL, "tokens_per_second": round(_measured_rate(call.threads))}
    _line(f"the tool ran on this machine and returned {result}", style="dim")
    spoken = client.complete(MODEL, follow_up(call, result), tools=[TOOL], **_GREEDY)
    _line(spoken.content, style="green")


def _measured_rate(threads: int) -> float:
    from labkit.bench import CoreBench, CoreTest, run_core_bench
    from labkit.resources import embedded_model

    bench = CoreBench((CoreTest(0, 64),), repetitions=3, num_threads=threads)
    (record,) = run_core_bench(embedded_model(), bench)
    return record.tokens_per_second


def _measure(settings: "Settings", threads: int | None) -> "list[CoreRecord]":
    from labkit.bench import CoreBench, load_or_measure_limits, run_core_bench
    from labkit.cli.bench_output import print_table
    from labkit.resources import embedded_model

    _title("The native core, measured as llama-bench does")
    with output.talk().status("measuring"):
        # As many threads as the worker found to be fastest: on a busy machine more can be far slower.
        bench = CoreBench(num_threads=threads, limits=load_or_measure_limits(settings))
        records = list(run_core_bench(embedded_model(), bench))
    print_table(records)
    return records


def _close(rate: float | None, records: "list[CoreRecord]", seconds: float) -> None:
    from rich.panel import Panel

    from labkit.units import render_seconds, render_tokens_per_second

    measured = [f"  {record.test.name:<8} {render_tokens_per_second(record.tokens_per_second)}" for record in records]
    streamed = [f"  streamed {render_tokens_per_second(rate)}"] if rate else []
    lines = [
        f"Measured on this machine, all in {render_seconds(seconds)}",
        *measured,
        *streamed,
        "",
        "What to type next",
        "  labkit chat nano             talk to it",
        "  labkit serve nano            an endpoint for your programs",
        "  labkit recommend --why       why these models",
        "  labkit bench core nano -t 1  measure again, your way",
        "  labkit doctor                this machine in detail",
    ]
    console = output.console()
    console.print()
    console.print(Panel("\n".join(lines), title="labkit works here", expand=False, padding=(1, 2)))


def _title(text: str) -> None:
    output.console().print(f"\n{text}", style="bold")


def _ask(text: str) -> None:
    _line(f"> {text}", style="cyan")


def _line(text: str, style: str = "") -> None:
    output.console().print(f"  {text}", style=style, markup=False)
