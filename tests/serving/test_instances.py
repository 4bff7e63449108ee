import json
import os
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from labkit.errors import ModelNotFoundError
from labkit.serving.instances import find_instance, instance_of, is_alive, recorded, running_instances, signal_to_stop


@pytest.fixture
def mine():
    return instance_of("http://127.0.0.1:8642", ("nano",), "secret")


def test_a_record_is_there_while_its_endpoint_runs_and_nobody_else_can_read_it(tmp_path, mine):
    folder = tmp_path / "run"
    with recorded(mine, folder):
        (path,) = folder.iterdir()
        assert path.stat().st_mode & 0o777 == 0o600 or os.name == "nt"
        assert folder.stat().st_mode & 0o777 == 0o700 or os.name == "nt"
        assert running_instances(folder) == (mine,)
    assert list(folder.iterdir()) == []
    assert running_instances(tmp_path / "nowhere") == ()


def test_an_endpoint_without_a_place_for_its_record_runs_all_the_same(tmp_path, mine, caplog):
    (tmp_path / "run").write_text("a file where the folder would be")
    with recorded(mine, tmp_path / "run"):
        assert "will not find this endpoint" in caplog.text
    assert (tmp_path / "run").exists()


def test_records_of_processes_that_are_gone_or_are_others_now_are_cleared_away(tmp_path, mine):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "broken.json").write_text("{")
    reborn = replace(mine, process_started=mine.process_started - 60, url="http://127.0.0.1:1")
    dead = replace(mine, pid=ended.pid, url="http://127.0.0.1:2")
    with recorded(mine, tmp_path), recorded(reborn, tmp_path), recorded(dead, tmp_path):
        assert running_instances(tmp_path) == (mine,)
        assert len(list(tmp_path.iterdir())) == 1


def test_a_zombie_does_not_run(mine):
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    started = psutil.Process(child.pid).create_time()
    assert child.stdout.read() == b""  # it has ended, and nobody has collected it
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert not is_alive(replace(mine, pid=child.pid, process_started=started))
    child.communicate()
    assert not signal_to_stop(replace(mine, pid=child.pid, process_started=started))


@pytest.mark.parametrize("text", ["http://127.0.0.1:8642", "http://127.0.0.1:8642/v1/", "127.0.0.1:8642", "8642"])
def test_an_endpoint_is_found_by_what_a_person_types(mine, text):
    assert find_instance(text, (mine,)) == mine


def test_another_address_is_an_error_and_another_word_may_be_a_model(mine):
    assert find_instance("nano", (mine,)) is None
    with pytest.raises(ModelNotFoundError, match="no endpoint of yours"):
        find_instance("http://127.0.0.1:1", (mine,))


def test_a_record_says_what_another_program_needs(tmp_path, mine):
    with recorded(mine, tmp_path):
        (path,) = tmp_path.iterdir()
        assert json.loads(path.read_text())["url"] == mine.url
