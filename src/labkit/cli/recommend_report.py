"""How recommendations look in a terminal: one table that fits 80 columns, and the reasons under `--why`."""

from typing import TYPE_CHECKING

from labkit.cli import output

if TYPE_CHECKING:
    from rich.text import Text

    from labkit.catalog import Catalog
    from labkit.estimate import Machine, Placement
    from labkit.recommend import Ranking, Recommendation, Wish
    from labkit.settings import Settings


def print_ranking(
    ranking: "Ranking",
    here: "Recommendation | None",
    catalog: "Catalog",
    settings: "Settings",
    *,
    why: bool,
) -> None:
    """Print the table, what to type for the first row, and with `why` every reason."""
    console, talk = output.console(), output.talk()
    wish = ranking.wish
    slots = f" in each of {wish.slots} slots" if wish.slots > 1 else ""
    console.print(f"[bold]For {wish.goal}, {wish.context_tokens:,} tokens of context{slots}[/]", soft_wrap=True)
    console.print(machine_line(ranking.machine), style="dim", markup=False)
    for assumption in ranking.machine.assumptions:
        talk.print(f"assumed: {assumption}", style="yellow")
    rows = [*ranking.recommendations, *([here] if here else [])]
    if rows:
        print_table(rows, ranking)
    if not ranking.recommendations:
        talk.print(_nothing_line(ranking))
    if why:
        _print_reasons(ranking, here, catalog)
    elif ranking.recommendations:
        console.print("Memory and speed are estimates. Why these: labkit recommend --why", style="dim", soft_wrap=True)
    console.print(f"Facts and scores are of {ranking.catalog_as_of}.", style="dim", soft_wrap=True)
    if wish.goal == "vision" and ranking.recommendations:
        talk.print(
            "labkit serve answers text only so far; llama.cpp's llama-server sees: --mmproj FILE.", style="yellow"
        )
    _print_next_step(rows, wish, catalog, settings)


def machine_line(machine: "Machine") -> str:
    """The machine's name, and what of it a model may use."""
    from labkit.units import render_bandwidth, render_bytes

    parts = [
        f"{f'{device.count} x ' if device.count > 1 else ''}{device.name} {render_bytes(device.budget_bytes)}"
        for device in machine.devices
    ]
    if machine.ram_budget_bytes is not None:
        parts.append(f"{render_bytes(machine.ram_budget_bytes)} of memory for a model")
    rate, source = machine.ram_bandwidth_bytes_per_second, machine.ram_bandwidth_source
    if rate is None:
        parts.append("memory bandwidth not measured: labkit doctor")
    else:
        parts.append(f"{render_bandwidth(rate)} {'measured' if source == 'measured' else 'in theory'}")
    return f"{machine.name}: {', '.join(parts)}"


def _nothing_line(ranking: "Ranking") -> str:
    from labkit.units import render_bytes

    wish, machine = ranking.wish, ranking.machine
    if machine.ram_budget_bytes is None and not machine.devices:
        return "No recommendation: how much memory this machine has for a model is not known. labkit doctor says why."
    room = f", with {render_bytes(wish.disk_bytes)} of disk" if wish.disk_bytes is not None else ""
    return (
        f"No known model holds {wish.context_tokens:,} tokens at {wish.least_speed:g} tok/s here{room}. "
        "Ask for less with --ctx or --min-speed; --why says why each was left out."
    )


def print_table(rows: list["Recommendation"], ranking: "Ranking") -> None:
    """The recommendations as rows; the model that is here already comes last and has no number."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", justify="right", style="dim", no_wrap=True)
    table.add_column("Model, score, license", overflow="fold", min_width=24)
    table.add_column("File", no_wrap=True)
    table.add_column("Memory", justify="right", no_wrap=True)
    table.add_column("tok/s", justify="right", no_wrap=True)
    for number, row in enumerate(rows, start=1):
        is_here = number > len(ranking.recommendations)
        table.add_row(
            "" if is_here else str(number),
            _model_cell(row, is_here=is_here),
            row.quantization,
            _memory_cell(row.placement),
            _speed(row.placement),
        )
    output.console().print(table, soft_wrap=False)


def _model_cell(row: "Recommendation", *, is_here: bool) -> "Text":
    from rich.text import Text

    score = f"{row.score.benchmark} {row.score.value:g}" if row.score else "no sourced score"
    below = f"{'already here' if is_here else score}, {row.license}"
    return Text.assemble((row.model_id, "bold"), "\n", (below, "dim"))


def _memory_cell(placement: "Placement") -> "Text":
    from rich.text import Text

    return Text.assemble(_memory(placement), "\n", (_where(placement), "dim"))


def _where(placement: "Placement") -> str:
    """Where it runs, in at most 16 characters."""
    if placement.fit == "split":
        return "split GPU + CPU"
    if placement.fit == "experts in RAM":
        return "GPU + experts"
    device = "CPU" if placement.device == "CPU" else "GPU"
    if placement.fit == "fits at less context":
        return f"{device}, {placement.context.context_tokens // 1024}k context"
    if placement.fit == "fits with q8_0 cache":
        return f"{device}, q8_0 cache"
    return f"on {device}"


def _memory(placement: "Placement") -> str:
    from labkit.units import GIB, MIB

    low, high = placement.memory.low, placement.memory.high
    unit, name = (GIB, "GiB") if high >= GIB else (MIB, "MiB")
    digits = 1 if unit == GIB else 0
    return f"{low / unit:.{digits}f}-{high / unit:.{digits}f} {name}"


def _speed(placement: "Placement") -> str:
    if placement.speed is None:
        return "-"
    low, high = placement.speed.low, placement.speed.high
    return f"{low:.1f}-{high:.0f}" if low < 10 else f"{low:,.0f}-{high:,.0f}"


def _print_reasons(ranking: "Ranking", here: "Recommendation | None", catalog: "Catalog") -> None:
    console = output.console()
    for number, row in enumerate(ranking.recommendations, start=1):
        console.print(f"\n[dim]{number}[/] [bold]{row.model_id}[/]  on {row.placement.device}", soft_wrap=True)
        if row.score:
            mode = f" ({row.score.mode})" if row.score.mode else ""
            source = catalog.spell_source(row.score.source)
            _print_item(f"{row.score.benchmark} {row.score.value:g}{mode}, from {source}")
        else:
            _print_item(f"no sourced score for {ranking.wish.goal}")
        for reason in row.reasons:
            if not reason.startswith("no sourced score for"):
                _print_item(reason)
        if row.file:
            _print_item(f"{row.file.repo} {row.file.file}")
            _print_item(f"sha256 {row.file.sha256}")
        _print_item(f"size: {row.weights.source}; released {row.release_date or 'on an unknown day'}")
    if here:
        console.print(f"\n[bold]{here.model_id}[/]", soft_wrap=True)
        for reason in here.reasons:
            _print_item(reason)
    console.print(f"\n[bold]Left out ({len(ranking.dropped)})[/]", soft_wrap=True)
    for dropped in ranking.dropped:
        _print_item(f"[bold]{dropped.model_id}[/]: {dropped.reason}", markup=True)


def _print_item(text: str, *, markup: bool = False) -> None:
    from rich.padding import Padding
    from rich.text import Text

    body = Text.from_markup(text) if markup else Text(text)
    output.console().print(Padding(body, (0, 0, 0, 2)), soft_wrap=False)


def _print_next_step(rows: list["Recommendation"], wish: "Wish", catalog: "Catalog", settings: "Settings") -> None:
    from labkit.store import EMBEDDED_NAME, find_downloaded, pull_command

    if not rows:
        return
    first = rows[0]
    model = catalog.find(first.model_id)
    lines = [f"labkit serve {first.model_id}{_serve_options(first, wish) if model else ''}"]
    if model is not None and find_downloaded(model, settings) is None:
        lines.insert(0, pull_command(model, first.quantization))
    talk = output.talk()
    talk.print("\nRun the first with:" if first.model_id != EMBEDDED_NAME else "\nRun it with:", soft_wrap=True)
    for line in lines:
        talk.print(f"  {line}", soft_wrap=True, markup=False)


def _serve_options(row: "Recommendation", wish: "Wish") -> str:
    """What makes `serve` hold the context that was asked for; nothing where it does so by itself."""
    from labkit.recommend import default_context

    tokens = row.placement.context.context_tokens
    context = f" --ctx {tokens}" if tokens != default_context(wish.goal) else ""
    return f"{context} --slots {wish.slots}" if wish.slots > 1 else context
