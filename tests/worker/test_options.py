import argparse
import typing
from dataclasses import fields
from pathlib import Path

import pytest

from labkit.engine.types import EngineConfig
from labkit.worker.options import add_options, config_of, options_of


def changed(hint, default):
    """A value of that type which is not the default."""
    kinds = [kind for kind in (typing.get_args(hint) or (hint,)) if kind is not type(None)]
    if isinstance(kinds[0], str) or typing.get_origin(kinds[0]) is typing.Literal:
        names = kinds if isinstance(kinds[0], str) else typing.get_args(kinds[0])
        return next(name for name in names if name != default)
    return {int: 7, float: 0.375, bool: True, Path: Path("/a b/c=d")}[kinds[0]]


HINTS = typing.get_type_hints(EngineConfig)
ALL = EngineConfig(**{field.name: changed(HINTS[field.name], field.default) for field in fields(EngineConfig)})


def parsed(options):
    parser = argparse.ArgumentParser()
    add_options(parser)
    return config_of(parser.parse_args(options))


def test_every_field_comes_back_as_it_was():
    assert all(getattr(ALL, field.name) != field.default for field in fields(EngineConfig))
    assert parsed(options_of(ALL)) == ALL


def test_defaults_need_no_option():
    assert options_of(EngineConfig()) == ()
    assert parsed([]) == EngineConfig()


@pytest.mark.parametrize("option", ["--num-slots=x", "--speculation=magic", "--nothing=1"])
def test_what_is_no_value_is_refused(option, capsys):
    with pytest.raises(SystemExit):
        parsed([option])
    assert option.split("=")[0] in capsys.readouterr().err
