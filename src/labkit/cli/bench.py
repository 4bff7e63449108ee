"""`labkit bench`: measure, with the definitions of the tools people compare with."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from labkit.cli import output
from labkit.errors import InputError

if TYPE_CHECKING:
    from labkit.bench import CoreBench, CoreRecord, CoreTest
    from labkit.settings import Settings

app = typer.Typer(name="bench", help="Measure speed on this machine.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _bench() -> None:
    """Measure speed on this machine."""


@app.command(
    "core", epilog="Examples: labkit bench core nano -p 512 -n 128 -t 4 -r 5; labkit bench core --dry qwen3-0.6b:Q4_K_M"
)
def core(
    model: str = typer.Argument(..., help="A model's name, or a GGUF file.", metavar="MODEL|PATH.gguf"),
    prompt: str = typer.Option("512", "-p", "--n-prompt", help="Prompt tokens; several with commas; 0 for none."),
    generated: str = typer.Option("128", "-n", "--n-gen", help="Generated tokens; several with commas."),
    depth: str = typer.Option("0", "-d", "--n-depth", help="Tokens in the cache before the clock starts."),
    threads: int | None = typer.Option(None, "-t", "--threads", help="Threads; default: usable physical cores."),
    repetitions: int = typer.Option(5, "-r", "--repetitions", help="Repetitions of each test."),
    batch: int = typer.Option(2048, "-b", "--batch-size", help="Most tokens of one forward."),
    ubatch: int = typer.Option(512, "-ub", "--ubatch-size", help="Physical micro-batch."),
    gpu_layers: int = typer.Option(-1, "-ngl", "--n-gpu-layers", help="Layers on an accelerator, -1 for all."),
    dry: bool = typer.Option(
        False, "--dry", help="Measure a known model before the download: MODEL[:QUANTIZATION], random weights."
    ),
    keep: bool = typer.Option(True, "--keep/--no-keep", help="With --dry: keep the file for the next time."),
    no_warmup: bool = typer.Option(False, "--no-warmup", help="Skip the warm-up."),
    form: str = typer.Option("table", "-o", "--output", help="table, md, json, jsonl or csv."),
    as_json: bool = typer.Option(False, "--json", help="The same as -o json."),
) -> None:
    """Tokens per second of the native core: llama-bench's tests, flags, definitions and field names.

    pp is prompt processing, tg is generation, without tokenizer, sampler or HTTP. Beside each figure stands what
    labkit predicted of it, and the share of this machine's measured memory bandwidth that the weights' traffic
    amounts to. What is measured on an idle machine makes later predictions better.

    With --dry the model need not be here: a file with its exact tensors and random weights is written, which has its
    size and its speed. It says nothing about the model's answers.
    """
    from labkit.bench import CoreBench
    from labkit.cli.bench_dry import imitated
    from labkit.cli.bench_output import choose_writer
    from labkit.settings import load_settings
    from labkit.store import resolve

    write = choose_writer("json" if as_json else form)
    bench = CoreBench(
        tests=_tests(_counts(prompt, "-p"), _counts(generated, "-n"), _counts(depth, "-d")),
        repetitions=repetitions,
        batch_tokens=batch,
        ubatch_tokens=ubatch,
        num_threads=threads,
        gpu_layers=gpu_layers,
        warm_up=not no_warmup,
    )
    bench.validate()
    settings = load_settings()
    with imitated(model, settings, bench, keep=keep) if dry else nullcontext(resolve(model, settings).path) as path:
        write(_measure(path, bench, settings))


def _measure(path: Path, bench: "CoreBench", settings: "Settings") -> list["CoreRecord"]:
    from labkit.bench import learn, load_kept_calibration, load_or_measure_limits, predicted, run_core_bench
    from labkit.gguf import file_facts, validate

    facts = file_facts(validate(path))  # some broken files kill the process once native code reads them
    calibration = load_kept_calibration(settings)
    with output.talk().status("measuring the memory's bandwidth") as status:
        bench = replace(bench, limits=load_or_measure_limits(settings))
        records = run_core_bench(
            path,
            bench,
            on_repetition=lambda test, number: status.update(f"{test.name}: {number} of {bench.repetitions}"),
        )
        measured = predicted(list(records), facts, calibration, bench.limits)
    learn(settings, measured, facts)
    return measured


def _tests(prompts: list[int], generated: list[int], depths: list[int]) -> tuple["CoreTest", ...]:
    from labkit.bench import CoreTest

    return tuple(
        test
        for depth in depths
        for test in (
            *(CoreTest(count, 0, depth) for count in prompts if count),
            *(CoreTest(0, count, depth) for count in generated if count),
        )
    )


def _counts(text: str, flag: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise InputError(f"{flag} is '{text}'", hint=f"give whole numbers, as in: {flag} 512 or {flag} 128,512")
    return [int(part) for part in parts]
