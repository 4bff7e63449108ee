import pytest

from labkit.errors import InputError, ModelNotFoundError
from labkit.serving.log_reader import find_log, following, tail
from labkit.settings import load_settings


@pytest.fixture
def settings(tmp_path):
    return load_settings({"LABKIT_HOME": str(tmp_path)})


@pytest.fixture
def logs(tmp_path):
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def test_a_model_s_log_is_found_by_any_of_its_names(settings, logs):
    (logs / "worker-nano.log").touch()
    (logs / "server.log").touch()
    assert find_log(settings, "labkit-nano") == find_log(settings, "nano") == logs / "worker-nano.log"
    assert find_log(settings, None) == logs / "server.log"
    with pytest.raises(ModelNotFoundError, match="there is no log of 'nanu'") as caught:
        find_log(settings, "nanu")
    assert caught.value.nearest == ("nano",)


def test_without_a_log_it_says_what_to_type(settings):
    with pytest.raises(InputError) as caught:
        find_log(settings, None)
    assert "labkit serve" in caught.value.hint


def test_the_last_lines_come_in_order(tmp_path):
    path = tmp_path / "x.log"
    assert tail(path, 3) == []
    path.write_text("one\ntwo\nthree\n")
    assert tail(path, 2) == ["two", "three"]
    assert tail(path, 0) == []


def test_new_lines_are_followed_whole_also_in_a_file_that_was_emptied(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("old\n")
    lines = following(path, 1)
    assert next(lines) == "old"
    with path.open("a") as log:
        log.write("half")
        log.flush()
        log.write(" and whole\nnext\n")
    assert [next(lines), next(lines)] == ["half and whole", "next"]
    path.write_text("new\n")
    assert next(lines) == "new"
