"""How `labkit ps` shows a running endpoint."""

import time
from typing import TYPE_CHECKING, Any

from labkit.cli import output
from labkit.units import render_bytes, render_seconds

if TYPE_CHECKING:
    from labkit.serving.instances import Instance
    from labkit.serving.model_rows import ModelRow


def as_plain(instance: "Instance", rows: "tuple[ModelRow, ...] | None") -> dict[str, Any]:
    """For programs; the control token is not among it."""
    found = output.plain(instance)
    del found["control_token"]
    return found | {"answers": rows is not None, "models": output.plain(rows or ())}


def print_endpoint(instance: "Instance", rows: "tuple[ModelRow, ...] | None", *, is_all: bool) -> None:
    """One endpoint with its models; those that are not loaded are counted, or listed too."""
    from rich.table import Table

    since = render_seconds(max(time.time() - instance.started, 0))
    console = output.console()
    console.print(f"{instance.url}  pid {instance.pid}, up {since}", soft_wrap=True)
    if rows is None:
        console.print(f"  does not answer; to end it: labkit stop {instance.url} --now", soft_wrap=True)
        return
    shown = [row for row in rows if is_all or row.state != "unloaded"]
    table = Table(box=None, pad_edge=False)
    for heading in ("  Model", "State", "Memory", "Slots", "Waiting", "Leaves"):
        table.add_column(heading, justify="right" if heading in ("Memory", "Slots", "Waiting") else "left")
    for row in shown:
        memory = render_bytes(row.memory_bytes) if row.memory_bytes is not None else "-"
        slots = f"{row.num_running}/{row.num_slots}" if row.num_slots and row.memory_bytes is not None else "-"
        table.add_row(f"  {row.name}", row.state, memory, slots, str(row.num_waiting or "-"), _leaves(row))
    if shown:
        console.print(table)
    for row in shown:
        if row.reason:
            console.print(f"  {row.name}: {row.reason}", soft_wrap=True)
    if (hidden := len(rows) - len(shown)) > 0:
        console.print(f"  {hidden} more can be asked for, and {'is' if hidden == 1 else 'are'} not loaded (--all)")


def _leaves(row: "ModelRow") -> str:
    if row.memory_bytes is None:
        return "-"
    if row.stays:
        return "stays"
    if row.expires_in_seconds is not None:
        return f"in {render_seconds(row.expires_in_seconds)}"
    return "in use" if row.num_running or row.num_waiting else "when memory is needed"
