import json

import pytest

from labkit.hardware.probes.partial_json import parse_partial_json

WHOLE = '{"a": [1, 22, {"b": "x\\"y", "c": null}], "d": {"e": 1.5, "f": true}, "g": "end"}'


def test_whole_json_is_read_as_json():
    assert parse_partial_json(WHOLE) == json.loads(WHOLE)


def test_words_before_it_are_passed_over():
    assert parse_partial_json('WARNING: low power\n{"a": 1}') == {"a": 1}
    assert parse_partial_json('[me@host ~]$ amd-smi --json\n[{"gpu": 0}]') == [{"gpu": 0}]


@pytest.mark.parametrize(
    ("cut", "kept"),
    [('{"a": [1, 22', {"a": [1]}), ('{"a": "x', {}), ('{"a": 1, "b": {"c": 2, "d', {"a": 1, "b": {"c": 2}}), ("[", [])],
)
def test_what_was_complete_is_kept(cut, kept):
    assert parse_partial_json(cut) == kept


def test_every_cut_gives_a_part_of_the_whole():
    for end in range(1, len(WHOLE)):
        found = parse_partial_json(WHOLE[:end])
        assert isinstance(found, dict)
        for key, value in found.items():
            whole = json.loads(WHOLE)[key]
            assert value == whole or isinstance(value, list | dict)


@pytest.mark.parametrize("text", [None, "", "no json", "}{", "[" * 5000, "\x00"])
def test_garbage_is_nothing(text):
    assert not parse_partial_json(text)
