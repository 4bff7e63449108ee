"""How one model's estimate, and the reasons against it, look in a terminal."""

from typing import TYPE_CHECKING

from labkit.cli import output

if TYPE_CHECKING:
    from labkit.catalog import CatalogModel
    from labkit.estimate import Machine
    from labkit.recommend import Ranking, Wish
    from labkit.recommend.explain import Explanation


def print_explanation(found: "Explanation", machine: "Machine", wish: "Wish") -> None:
    """Every term on a line: what, how much, and how it comes about. The first one is the file."""
    from rich.table import Table
    from rich.text import Text

    from labkit.cli.recommend_report import machine_line

    console = output.console()
    slots = f" in each of {wish.slots} slots" if wish.slots > 1 else ""
    console.print(f"[bold]{found.model_id}[/] as {found.quantization}", soft_wrap=True)
    console.print(f"{wish.goal}, {wish.context_tokens:,} tokens of context{slots}", style="dim", soft_wrap=True)
    console.print(machine_line(machine), style="dim", markup=False, soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", min_width=18)
    table.add_column(overflow="fold")
    for term in found.terms[1:]:
        table.add_row(Text(term.name, style="bold"), Text(term.value), Text(term.how, style="dim"))
    # Not in the table: a file name or hash that is wrapped cannot be copied.
    console.print(f"{found.terms[0].value}\n{found.terms[0].how}", markup=False, soft_wrap=True)
    console.print()
    console.print(table, soft_wrap=False)
    console.print()
    console.print(f"so: {found.verdict}", markup=False, soft_wrap=True)


def print_reasons(model: "CatalogModel", words: list[str], ranking: "Ranking") -> None:
    """What keeps a model out, or where it stands, one sentence on a line."""
    console = output.console()
    console.print(
        f"[bold]{model.id}[/], for {ranking.wish.goal} on {ranking.machine.name}", soft_wrap=True, highlight=False
    )
    for line in words:
        console.print(f"  {line}", markup=False, soft_wrap=True)
    output.talk().print(f"Every term of its estimate: labkit recommend --explain {model.id}", style="dim")
