"""Reads the configuration file: every problem at once, each with its line and, for a mistyped key, the nearest one."""

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labkit.catalog import nearest
from labkit.catalog.lines import line_of
from labkit.errors import InputError
from labkit.serving.config import AccessTable, ConfigFile, EngineTable, ModelTable, ObservingTable, Table
from labkit.settings import Settings

NAME = "labkit.toml"
_TABLES: dict[tuple[str, ...], type[Table]] = {
    (): ConfigFile,
    ("engine",): EngineTable,
    ("models", "*"): ModelTable,
    ("models", "*", "engine"): EngineTable,
    ("access",): AccessTable,
    ("observing",): ObservingTable,
}


def find_config(settings: Settings) -> Path | None:
    """The file that is read when none is named: in the data folder, else in the user's configuration folder."""
    return next((path for path in config_places(settings) if path.is_file()), None)


def config_places(settings: Settings) -> tuple[Path, ...]:
    """Where a configuration file is looked for. A data folder that was chosen by LABKIT_HOME stands for itself."""
    from platformdirs import user_config_path, user_data_path

    here = settings.data_folder / NAME
    if settings.data_folder != user_data_path("labkit", appauthor=False):
        return (here,)
    return here, user_config_path("labkit", appauthor=False) / NAME


def read_config(path: Path) -> ConfigFile:
    """The file's content; paths in it are relative to its folder. Raises InputError that lists every problem."""
    text = _text(path)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refusal(path, [str(error)]) from None
    try:
        # Through JSON: there a list is a list, and "3" is still no number.
        found = ConfigFile.model_validate_json(json.dumps(content, default=str), strict=True)
    except ValidationError as error:
        rows = error.errors(include_url=False, include_context=False)
        problems = {_problem(_plain(row["loc"]), row["type"], row["msg"], text) for row in rows}
        raise _refusal(path, [problem for _, problem in sorted(problems)]) from None
    return _placed(found, path.absolute().parent)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise _refusal(path, ["it is not UTF-8 text"]) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="check its name and permissions") from error


def _plain(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Without what pydantic adds for its own reasons, such as "[key]"."""
    return tuple(part for part in loc if not (isinstance(part, str) and part.startswith(("[", "function-"))))


def _problem(loc: tuple[str | int, ...], kind: str, message: str, text: str) -> tuple[int, str]:
    """The line, and such as "line 12, models.0.engine.slts: there is no such key; did you mean slots?"."""
    line = line_of(loc, text, is_toml=True)
    where = ".".join(str(part) for part in loc) or "the file"
    if kind == "extra_forbidden":
        message = "there is no such key" + _suggestion(loc)
    elif kind == "missing":
        message = "it must be given"
    else:
        message = message.removeprefix("Value error, ")
    return line or 0, f"{f'line {line}, ' if line else ''}{where}: {message}"


def _suggestion(loc: tuple[str | int, ...]) -> str:
    table = _TABLES.get(tuple("*" if isinstance(part, int) else part for part in loc[:-1]))
    known = list(table.model_fields) if table else []
    near = nearest(str(loc[-1]), known)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}" if known else ""


def _refusal(path: Path, problems: list[str]) -> InputError:
    listed = "\n".join(f"  - {problem}" for problem in problems)
    return InputError(
        f"{path} is not a valid configuration:\n{listed}",
        hint=f"correct these lines, then try: labkit config check {path}",
    )


def _placed(config: ConfigFile, folder: Path) -> ConfigFile:
    models = [
        model.model_copy(
            update={
                "name": _model_name(model.name, folder),
                "adapters": {name: folder / path.expanduser() for name, path in model.adapters.items()},
                "engine": _engine(model.engine, folder),
            }
        )
        for model in config.models
    ]
    return config.model_copy(update={"models": models, "engine": _engine(config.engine, folder)})


def _engine(table: EngineTable, folder: Path) -> EngineTable:
    places: dict[str, Any] = {
        name: folder / getattr(table, name).expanduser()
        for name in ("disk_cache_folder", "draft_model")
        if getattr(table, name) is not None
    }
    return table.model_copy(update=places)


def _model_name(name: str, folder: Path) -> str:
    """A file beside the configuration, where that is what the name says; else the name as it is."""
    beside = folder / name
    return str(beside) if name.endswith(".gguf") and beside.is_file() else name
