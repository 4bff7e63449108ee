"""The forms in which core benchmarks are printed; names and columns are llama-bench's."""

import csv
import json
import sys
from collections.abc import Callable

from labkit.bench import CoreRecord
from labkit.cli import output
from labkit.errors import InputError
from labkit.units import render_bandwidth, render_bytes

Writer = Callable[[list[CoreRecord]], None]
_COLUMNS = ("model", "size", "params", "backend", "threads", "test", "t/s")


def choose_writer(form: str) -> Writer:
    """The writer of a form. Raises InputError that names the forms."""
    if form not in _WRITERS:
        raise InputError(f"there is no output form '{form}'", hint=f"-o takes one of: {', '.join(_WRITERS)}")
    return _WRITERS[form]


def print_table(records: list[CoreRecord]) -> None:
    """A table for people: what was measured above it, what the share of the memory's bandwidth means below."""
    from rich.table import Table

    console = output.console()
    model, size, params, backend, threads, *_ = _cells(records[0])
    console.print(f"{records[0].facts.model_filename}", style="bold", soft_wrap=True)
    console.print(f"{model}, {params} parameters, {size}, on {backend} with {threads} threads\n")
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for name in ("test", "tokens/s", "predicted", "weights read", "of memory"):
        table.add_column(name, justify="left" if name == "test" else "right", no_wrap=True)
    for record in records:
        share, rate = record.bandwidth.share, record.bandwidth.bytes_per_second
        table.add_row(*_cells(record)[5:], _predicted(record), render_bandwidth(rate), _percent(share))
    console.print(table)
    output.talk().print(_note(records), style="dim")
    output.talk().print(_prediction_note(records), style="dim")


def _print_markdown(records: list[CoreRecord]) -> None:
    lines = [" | ".join(("", *_COLUMNS, "")).strip(), "|" + " --- |" * len(_COLUMNS)]
    lines += [" | ".join(("", *_cells(record), "")).strip() for record in records]
    sys.stdout.write("\n".join(lines) + "\n")


def _print_json(records: list[CoreRecord]) -> None:
    output.print_json([record.as_row() for record in records])


def _print_jsonl(records: list[CoreRecord]) -> None:
    for record in records:
        sys.stdout.write(json.dumps(record.as_row(), ensure_ascii=False) + "\n")


def _print_csv(records: list[CoreRecord]) -> None:
    rows = [record.as_row() for record in records]
    names = [name for name in rows[0] if not name.startswith("samples_")]
    writer = csv.DictWriter(sys.stdout, names, extrasaction="ignore", quoting=csv.QUOTE_ALL, lineterminator="\n")
    sys.stdout.write(",".join(names) + "\n")
    writer.writerows(rows)


_WRITERS: dict[str, Writer] = {
    "table": print_table,
    "md": _print_markdown,
    "json": _print_json,
    "jsonl": _print_jsonl,
    "csv": _print_csv,
}


def _cells(record: CoreRecord) -> tuple[str, ...]:
    facts = record.facts
    return (
        facts.model_type,
        render_bytes(facts.model_size),
        f"{facts.model_n_params / 1e6:.2f} M" if facts.model_n_params < 1e9 else f"{facts.model_n_params / 1e9:.2f} B",
        facts.backends,
        str(facts.n_threads),
        record.test.name,
        f"{record.tokens_per_second:.2f} ± {record.deviation:.2f}",
    )


def _predicted(record: CoreRecord) -> str:
    speed = record.predicted
    if speed is None:
        return "unknown"
    digits = 0 if speed.low >= 100 else 1
    return f"{speed.middle:.{digits}f} ({speed.low:.{digits}f} to {speed.high:.{digits}f})"


def _prediction_note(records: list[CoreRecord]) -> str:
    """From what the predictions were made, and what would make them better."""
    words = {record.predicted.confidence for record in records if record.predicted}
    if words <= {"calibrated", "partly calibrated"} and words:
        return "Predicted from the calibration of this machine, before this run."
    if words:
        return "Predicted from the memory's bandwidth alone: labkit doctor calibrates this machine."
    return "Nothing was predicted: labkit doctor calibrates this machine, with its usual number of threads."


def _percent(share: float | None) -> str:
    if share is None:
        return "unknown"
    return f"{share:.0%}" if share >= 0.01 else "under 1%"


def _note(records: list[CoreRecord]) -> str:
    limit = records[0].bandwidth.measured_bytes_per_second if records else None
    if limit is None:
        return "The memory's bandwidth is not known here: labkit doctor measures it."
    note = f"Reading memory reached {render_bandwidth(limit)} when this machine was measured."
    if any(record.bandwidth.fits_cache for record in records):
        note += " These weights fit the processor's cache, so memory is not what limits them."
    return note
