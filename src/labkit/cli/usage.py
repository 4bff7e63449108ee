"""`labkit usage`: what was asked of this machine's endpoints, by whom."""

from typing import Annotated, Literal

import typer

from labkit.cli import output
from labkit.cli.moments import parse_moment


def usage(
    by: Annotated[Literal["key", "model", "day"], typer.Option(help="What the sums are of.")] = "key",
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="A date (2026-01-31), or a time back from now (12h, 30d), or all.")
    ] = "30d",
    as_json: bool = typer.Option(False, "--json", help="Print the sums as JSON."),
) -> None:
    """Show requests and tokens: by key, model or day. Requests without a key are under (no key).

    Example: labkit usage --by day --since 7d
    """
    from rich.table import Table
    from rich.text import Text

    from labkit.access.policy import LEDGER_FILE
    from labkit.access.usage import sum_usage
    from labkit.settings import load_settings
    from labkit.units import render_seconds

    sums = sum_usage(
        load_settings().access_folder / LEDGER_FILE,
        by,
        0.0 if since == "all" else parse_moment(since, option="--since", sign=-1),
    )
    if as_json:
        output.print_json(sums)
        return
    if not sums:
        output.talk().print("Nothing was used in that time." if since != "all" else "Nothing was used yet.")
        return
    table = Table(box=None, pad_edge=False)
    heading = {"key": "Key", "model": "Model", "day": "Day (UTC)"}[by]
    for title in (heading, "Requests", "Failed", "Prompt", "Cached", "Completion", "Reasoning", "Time"):
        table.add_column(title, justify="left" if title == heading else "right")
    for one in sums:
        numbers = (one.num_requests, one.num_failed, one.prompt_tokens, one.cached_tokens)
        more = (one.completion_tokens, one.reasoning_tokens)
        what = one.what or {"key": "(no key)", "model": "(none)"}.get(by, "")
        table.add_row(Text(what), *(f"{number:,}" for number in (*numbers, *more)), render_seconds(one.seconds))
    output.console().print(table)
