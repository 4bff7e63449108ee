"""Options and the configuration file say the same of each setting, and the help names the defaults that hold."""

import re
from dataclasses import fields
from typing import get_args, get_type_hints

import pytest

from labkit.access.policy import AccessPolicy
from labkit.cli.serve_options import AccessFlags, EndpointFlags, EngineFlags, ObservingFlags
from labkit.engine.types import EngineConfig
from labkit.serving.config import json_schema
from labkit.serving.observing import Observing
from labkit.serving.plan import DRAIN_SECONDS, KEEP_ALIVE_SECONDS, EndpointPlan
from labkit.units import parse_seconds

SCHEMA = json_schema()
TABLES = {
    EndpointFlags: SCHEMA["properties"],
    EngineFlags: SCHEMA["$defs"]["EngineTable"]["properties"],
    AccessFlags: SCHEMA["$defs"]["AccessTable"]["properties"],
    ObservingFlags: SCHEMA["$defs"]["ObservingTable"]["properties"],
}
OPTION_ROWS = [
    (name, get_args(annotation)[1], table)
    for kind, table in TABLES.items()
    for name, annotation in get_type_hints(kind, include_extras=True).items()
]
DEFAULT = re.compile(r"\[default: (\S+)\]")


@pytest.mark.parametrize(("name", "option", "table"), OPTION_ROWS, ids=[row[0] for row in OPTION_ROWS])
def test_each_option_is_a_key_with_the_same_bounds(name, option, table):
    entry = table[name]
    number = next((kind for kind in entry.get("anyOf", [entry]) if kind.get("type") == "integer"), {})
    if option.min is not None and number:
        assert (option.min, option.max) == (number["minimum"], number.get("maximum"))


def test_the_help_names_the_defaults_that_hold():
    plan, engine = {field.name: field.default for field in fields(EndpointPlan)}, EngineConfig()
    held = {
        "port": plan["port"],
        "host": plan["host"],
        "keep_alive": KEEP_ALIVE_SECONDS,
        "drain": DRAIN_SECONDS,
        "slots": engine.num_slots,
        "gpu_layers": engine.gpu_layers,
        "itl_target": engine.itl_target_seconds,
        "audit_share": engine.audit_share,
        "max_waiting": engine.max_waiting,
        "speculation": engine.speculation,
        "engine": engine.engine,
        "keep_usage": AccessPolicy().keep_usage,
        "log_format": Observing().log_format,
    }
    in_words = {"threads": engine.num_threads, "disk_cache": engine.disk_cache_bytes or None}
    named = {name: found[1] for name, option, _ in OPTION_ROWS if (found := DEFAULT.search(option.help))}
    assert named.keys() == held.keys() | in_words.keys()
    assert set(in_words.values()) == {None}
    assert {name: value_of(named[name], default) for name, default in held.items()} == held


def value_of(text, default):
    """The default as the help writes it, as a value of the same kind."""
    if isinstance(default, bool):
        return text == "yes"
    if isinstance(default, float) and text[-1].isalpha():
        return parse_seconds(text)
    return type(default)(text)
