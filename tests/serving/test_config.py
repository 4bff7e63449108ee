"""The configuration file: what it says, what is wrong with it, and that what was typed wins."""

import json
import math
from pathlib import Path

import jsonschema
import pytest

from labkit.access.policy import AccessPolicy
from labkit.engine.types import EngineConfig
from labkit.errors import InputError
from labkit.serving import Wishes
from labkit.serving.config import ConfigFile, json_schema
from labkit.serving.config_file import config_places, find_config, read_config
from labkit.serving.wishes import Typed, wishes_of
from labkit.settings import load_settings
from labkit.units import GIB

WHOLE = """
host = "127.0.0.1"
port = 9000
keep_alive = "10m"
memory_limit = "12GiB"
drain = 5

[engine]
slots = 4

[[models]]
name = "nano"
preload = true
aliases = ["gpt"]
keep_alive = "forever"

[models.engine]
ctx = 512
host_cache = "64MiB"

[models.adapters]
style = "style.gguf"

[[models]]
name = "other"

[aliases]
poet = "style"

[access]
require_key = true
host_names = ["box.local"]

[observing]
log_format = "json"
"""
WRONG = """
prt = 9000
keep_alive = "soon"

[engine]
slts = 4
ctx = 1

[[models]]
nme = "nano"

[[models]]
name = "other"
preload = "yes"

[models.engine]
speculation = "maybe"

[acces]
require_key = true
"""


@pytest.fixture
def settings(tmp_path):
    return load_settings({"LABKIT_HOME": str(tmp_path)})


def read(tmp_path, text):
    path = tmp_path / "labkit.toml"
    path.write_text(text)
    return read_config(path)


def test_a_whole_file_becomes_wishes(tmp_path, settings):
    names, wishes = wishes_of(read(tmp_path, WHOLE), Typed(), settings)
    assert names == ("nano", "other")
    assert (wishes.host, wishes.port, wishes.keep_alive_seconds) == ("127.0.0.1", 9000, 600.0)
    assert (wishes.memory_limit_bytes, wishes.drain_seconds, wishes.whole_store) == (12 * GIB, 5.0, False)
    assert wishes.engine == EngineConfig(num_slots=4)
    nano, other = wishes.models["nano"], wishes.models["other"]
    assert nano.engine == EngineConfig(num_slots=4, context_tokens=512, host_cache_bytes=64 * 1024**2)
    assert nano.adapters == (("style", tmp_path / "style.gguf"),)
    assert (nano.stays, nano.keep_alive_seconds) == (True, math.inf)
    assert (other.engine, other.stays, other.keep_alive_seconds) == (None, False, None)
    assert wishes.aliases == {"poet": "style", "gpt": "nano"}
    assert (wishes.access.require_key, wishes.access.host_names) == (True, ("box.local",))
    assert wishes.access.folder == settings.access_folder
    assert wishes.observing.log_format == "json"


def test_what_is_typed_wins(tmp_path, settings):
    typed = Typed(
        models=("nano",),
        endpoint={"port": 0, "keep_alive": 1.0},
        engine={"ctx": 1024, "slots": 1},
        access={"require_key": False},
        observing={"log_format": "text"},
    )
    names, wishes = wishes_of(read(tmp_path, WHOLE), typed, settings)
    assert names == ("nano",)
    assert (wishes.port, wishes.keep_alive_seconds) == (0, 1.0)
    assert wishes.engine == EngineConfig(num_slots=1, context_tokens=1024)
    assert wishes.models["nano"].engine == EngineConfig(num_slots=1, context_tokens=1024, host_cache_bytes=64 * 1024**2)
    assert wishes.models["nano"].keep_alive_seconds == 1.0
    assert (wishes.access.require_key, wishes.observing.log_format) == (False, "text")
    assert wishes.aliases == {"poet": "style", "gpt": "nano"}
    _, wishes = wishes_of(read(tmp_path, WHOLE), Typed(models=("third",)), settings)
    assert wishes.aliases == {}


def test_without_any_name_every_model_is_served(settings):
    names, wishes = wishes_of(ConfigFile(), Typed(), settings)
    assert (names, wishes) == ((), Wishes(whole_store=True, access=AccessPolicy(folder=settings.access_folder)))
    assert not wishes_of(ConfigFile(), Typed(models=("nano",)), settings)[1].whole_store
    assert wishes_of(ConfigFile(), Typed(models=("nano",), endpoint={"all": True}), settings)[1].whole_store
    assert not wishes_of(ConfigFile(all=True), Typed(models=("nano",)), settings)[1].whole_store


def test_every_problem_is_told_with_its_line_and_the_nearest_key(tmp_path):
    with pytest.raises(InputError) as caught:
        read(tmp_path, WRONG)
    said = caught.value.message
    for problem in (
        "line 2, prt: there is no such key; did you mean port?",
        "line 3, keep_alive: 'soon' is no duration; write it like 90s, 5m, 1h30m or forever",
        "line 6, engine.slts: there is no such key; did you mean slots?",
        "line 7, engine.ctx: Input should be greater than or equal to 64",
        "line 10, models.0.nme: there is no such key; did you mean name?",
        "models.0.name: it must be given",
        "line 14, models.1.preload: Input should be a valid boolean",
        "line 17, models.1.engine.speculation: Input should be 'off', 'prompt' or 'draft'",
        "line 19, acces: there is no such key; did you mean access?",
    ):
        assert problem in said, problem
    assert said.count("\n  - ") == 9
    assert "labkit config check" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = = 1", "line 1"),
        ("port = '8642'", "line 1, port: Input should be a valid integer"),
        ("memory_limit = 'much'", "'much' is not a size"),
        ("memory_limit = true", "line 1, memory_limit"),
        ("models = 'nano'", "line 1, models"),
        ("[aliases]\ngpt = 3", "line 2, aliases.gpt"),
    ],
)
def test_what_is_no_configuration_says_where(tmp_path, text, said):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert said in caught.value.message


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_config(tmp_path / "nowhere.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        read_config(tmp_path / "binary.toml")


def test_access_that_contradicts_itself_is_an_input_error(tmp_path, settings):
    config = read(tmp_path, '[access]\norigins = ["*"]')
    with pytest.raises(InputError, match="no origin"):
        wishes_of(config, Typed(), settings)


def test_the_schema_is_the_model_s_own_and_takes_what_the_reader_takes(tmp_path):
    import tomllib

    schema = json_schema()
    own = {name: value for name, value in schema.items() if name != "$schema"}
    assert own == json.loads(json.dumps(ConfigFile.model_json_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert list(validator.iter_errors(tomllib.loads(WHOLE))) == []
    assert len(list(validator.iter_errors(tomllib.loads(WRONG)))) >= 5


def test_a_file_is_looked_for_in_the_data_folder_that_was_chosen(tmp_path, settings):
    assert config_places(settings) == (tmp_path / "labkit.toml",)
    assert find_config(settings) is None
    (tmp_path / "labkit.toml").touch()
    assert find_config(settings) == tmp_path / "labkit.toml"


def test_elsewhere_the_user_s_configuration_folder_is_looked_in_too():
    places = config_places(load_settings({}))
    assert [place.name for place in places] == ["labkit.toml"] * 2


def test_files_are_beside_the_configuration(tmp_path):
    (tmp_path / "mine.gguf").touch()
    config = read(
        tmp_path, '[engine]\ndraft_model = "d.gguf"\n[[models]]\nname = "mine.gguf"\n[[models]]\nname = "x.gguf"'
    )
    assert config.engine.draft_model == tmp_path / "d.gguf"
    assert [model.name for model in config.models] == [str(tmp_path / "mine.gguf"), "x.gguf"]
    assert Path(config.models[0].name).is_absolute()
