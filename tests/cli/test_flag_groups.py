from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from labkit.cli.flag_groups import given_in, grouped


@dataclass(frozen=True)
class Shape:
    size: Annotated[int | None, typer.Option(min=1)] = None
    names: Annotated[list[str] | None, typer.Option("--name")] = None
    is_round: Annotated[bool | None, typer.Option("--round/--square")] = None


def run(*arguments):
    seen = []

    @grouped
    def command(shape: Shape, what: Annotated[str, typer.Argument()], as_json: bool = False) -> None:
        """Draw."""
        seen.append((what, given_in(shape), as_json))

    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, arguments)
    return seen, result


def test_a_group_s_fields_are_options_and_arrive_in_one_value():
    seen, _ = run("x", "--size", "3", "--name", "a", "--name", "b", "--square", "--as-json")
    assert seen == [("x", {"size": 3, "names": ["a", "b"], "is_round": False}, True)]


def test_what_is_not_typed_is_not_given():
    assert run("x")[0] == [("x", {}, False)]


def test_they_are_checked_and_helped_like_any_option():
    assert run("x", "--size", "0")[1].exit_code == 2
    said = run("--help")[1].output
    assert "Draw." in said
    assert "--round" in said
