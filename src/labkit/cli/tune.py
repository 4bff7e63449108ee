"""`labkit tune`: training runs from recipe files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli import output
from labkit.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from labkit.tune.pretrain import Progress

app = typer.Typer(name="tune", help="Train models from recipes.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", epilog="Example: labkit tune list")
def list_recipes(as_json: bool = typer.Option(False, "--json", help="Print the recipes as JSON.")) -> None:
    """List the recipes that come with labkit."""
    import yaml

    rows = []
    for path in _shipped():
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows.append({"name": path.stem, "description": data.get("description", ""), "steps": data.get("steps")})
    if as_json:
        output.print_json(rows)
        return
    for row in rows:
        output.console().print(f"{row['name']:<22} {row['description']} ({row['steps']:,} steps)", soft_wrap=True)


@app.command("run", epilog="Example: labkit tune run nano-pretrain-smoke --out runs/smoke")
def run(
    recipe: str = typer.Argument(..., help="Name of a shipped recipe, or a YAML file.", metavar="RECIPE|FILE.yaml"),
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the log.")] = Path("runs"),
    resume: bool = typer.Option(False, "--resume", help="Go on from the last checkpoint in --out."),
    as_json: bool = typer.Option(False, "--json", help="When done, print the totals as JSON."),
) -> None:
    """Train from a recipe. Ctrl-C stops; --resume goes on where the last checkpoint was written."""
    path = _find(recipe)
    try:
        from labkit.tune.pretrain import run as train
        from labkit.tune.recipe import load_recipe
    except ModuleNotFoundError as error:
        raise MissingExtraError("tune", f"training (it imports {error.name})") from error
    plan = load_recipe(path)
    _ensure_fresh(out, resume=resume)
    with output.talk().status(f"{plan.name}: preparing") as status:
        result = train(plan, out, resume=resume, on_progress=lambda progress: status.update(_describe(progress)))
    if as_json:
        output.print_json(result)
        return
    output.console().print(
        f"{plan.name}: loss {result.final_loss:.3f} after {result.processed_tokens:,} tokens, "
        f"{result.trained_tokens:,} of them trained; the model is {result.model_file}",
        soft_wrap=True,
    )


def _describe(progress: "Progress") -> str:
    from labkit.units import render_seconds

    rate = progress.processed_tokens / progress.elapsed_seconds if progress.elapsed_seconds else 0.0
    left = progress.elapsed_seconds / progress.step * (progress.steps - progress.step) if progress.step else 0.0
    return (
        f"step {progress.step} of {progress.steps}, loss {progress.loss:.3f}, {rate:,.0f} tok/s, "
        f"{render_seconds(left)} left"
    )


def _ensure_fresh(out: Path, *, resume: bool) -> None:
    if not resume and (out / "checkpoint.pt").exists():
        raise InputError(
            f"{out} holds the checkpoint of an earlier run",
            hint="add --resume to go on with it, or name another folder with --out",
        )


def _shipped() -> list[Path]:
    from labkit.resources import data_folder

    return sorted(data_folder("recipes").glob("*.yaml"))


def _find(recipe: str) -> Path:
    path = Path(recipe).expanduser()
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise InputError(f"there is no recipe file {recipe}", hint="see the shipped ones with: labkit tune list")
    shipped = {path.stem: path for path in _shipped()}
    if recipe not in shipped:
        raise InputError(f"there is no recipe named '{recipe}'", hint=f"shipped are: {', '.join(shipped)}")
    return shipped[recipe]
