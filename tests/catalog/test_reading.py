"""A user's catalogue file, JSON or TOML, is checked strictly: every problem at once, with its line."""

import json

import pytest

from labkit.catalog import load_catalog
from labkit.catalog.lines import line_of
from labkit.catalog.reading import SHIPPED, read_document, shipped_document
from labkit.errors import InputError

TOML = """
as_of = 2026-01-01
[sources]
me = "my own measurements"

[families.mine]
lineage = "mine"
generation = 2

[[models]]
id = "mine-1b"
family = "mine"
license = "mit"
capabilities = ["chat"]
num_parameters = 1_000_000_000
[models.shape]
num_layers = 16
[[models.scores]]
benchmark = "MMLU-Pro"
value = 30.5
source = "@me"
"""


def test_the_shipped_file_passes_the_rules_of_a_users_file():
    assert read_document(SHIPPED / "models.json") == shipped_document()


def test_a_toml_file_is_read(tmp_path):
    (tmp_path / "mine.toml").write_text(TOML)
    found = load_catalog(tmp_path)
    model = found.get("mine-1b")
    assert (model.shape.num_layers, model.scores[0].value) == (16, 30.5)
    assert found.spell_source(model.scores[0].source) == "my own measurements"
    assert found.family(model).generation == 2


BAD_JSON = """{
 "as_of": "2026-01-01",
 "models": [
  {"id": "good", "family": "f", "license": "mit", "capabilities": ["chat"]},
  {"id": "bad", "family": "f",
   "licence": "mit",
   "capabilities": ["chat", "fly"],
   "shape": {"num_layers": "twelve"},
   "files": [
    {"repo": "a/b", "file": "x.gguf", "source": "s",
     "sha256": "0"}
   ]}
 ]
}"""
BAD_TOML = """
[[models]]
id = "good"
family = "f"
license = "mit"
capabilities = ["chat"]

[[models]]
id = "bad"
family = "f"
licence = "mit"
capabilities = ["chat", "fly"]
[models.shape]
num_layers = "twelve"
[[models.files]]
repo = "a/b"
file = "x.gguf"
source = "s"
sha256 = "0"
"""


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [("bad.json", BAD_JSON, [5, 6, 7, 8, 11]), ("bad.toml", BAD_TOML, [8, 11, 12, 14, 19])],
)
def test_every_problem_is_listed_with_its_line(tmp_path, name, text, lines):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_document(tmp_path / name)
    message = caught.value.message
    missing, extra, flying, twelve, digest = lines
    assert f"line {missing}, models.1 (bad), license: " in message
    assert f"line {extra}, models.1 (bad), licence: " in message
    assert f"line {flying}, models.1 (bad), capabilities.1: " in message
    assert f"line {twelve}, models.1 (bad), shape.num_layers: " in message
    assert f"line {digest}, models.1 (bad), files.0.sha256: " in message
    assert message.count("\n") == 5


def test_the_problems_of_all_files_are_listed(tmp_path):
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.toml").write_text("x = ")
    (tmp_path / "c.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError) as caught:
        load_catalog(tmp_path)
    for name in ("a.json", "b.toml", "c.json", "not UTF-8"):
        assert name in caught.value.message


@pytest.mark.parametrize("content", ["[]", "3", '"x"', "null", "{}", '{"models": 3}', '{"models": [3]}'])
def test_what_is_no_catalogue_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match="is not a valid catalogue"):
        read_document(tmp_path / "a.json")


def test_hidden_and_other_files_are_not_meant(tmp_path):
    (tmp_path / ".x.json").write_text("{")
    (tmp_path / "notes.txt").write_text("{")
    assert load_catalog(tmp_path) is load_catalog()


def test_every_value_of_the_shipped_json_is_found_on_its_line():
    text = (SHIPPED / "models.json").read_text(encoding="utf-8")
    content = json.loads(text)
    rows = text.splitlines()
    for place in (0, 37, 79):
        line = line_of(("models", place, "id"), text, is_toml=False)
        assert json.dumps(content["models"][place]["id"]) in rows[line - 1]
    line = line_of(("models", 0, "scores", 1, "value"), text, is_toml=False)
    assert "48.5" in rows[line - 1]


@pytest.mark.parametrize("text", ['{"a": "},]{\\" : 1", "b": [1, [2,\n 3]]}', '{"a":{"x":1},"b":[{"c":2},\n{"c":3}]}'])
def test_brackets_inside_texts_do_not_mislead(text):
    assert line_of(("b",), text, is_toml=False) == 1
    assert line_of(("b", 1), text, is_toml=False) in (1, 2)
    assert line_of(("nowhere",), text, is_toml=False) is None
