import json
import logging
import os
import stat

import pytest

from fakes.endpoints import fake_endpoint, wait_for
from labkit.serving import logs
from labkit.serving.logs import bound_log, last_lines, logging_to, open_log


@pytest.fixture
def short(monkeypatch):
    """Logs may have 1,000 bytes."""
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 1000)


def test_a_log_is_the_users_alone(tmp_path):
    path = tmp_path / "a.log"
    os.close(open_log(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_who_appends_goes_on_in_the_emptied_file(tmp_path, short):
    path = tmp_path / "a.log"
    descriptor = open_log(path)
    os.write(descriptor, b"x" * 600)
    bound_log(path)
    assert path.stat().st_size == 600  # not over the bound yet
    os.write(descriptor, b"y" * 600)
    bound_log(path)
    os.write(descriptor, b"new\n")
    os.close(descriptor)
    assert path.read_bytes() == b"new\n"
    kept = path.with_suffix(".log.1")
    assert kept.read_bytes() == b"x" * 400 + b"y" * 600  # the last 1,000 bytes
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_the_fronts_log_stays_bounded_while_it_runs(tmp_path, short):
    path = tmp_path / "server.log"
    with logging_to(path):
        for number in range(500):
            logging.getLogger("labkit.api").info("line %d", number)
            assert path.stat().st_size < 1200
    assert "line 499" in path.read_text()
    assert path.with_suffix(".log.1").stat().st_size <= 1000


def test_two_endpoints_of_one_folder_share_a_log(tmp_path, short):
    path = tmp_path / "server.log"
    first, second = logs._BoundedFile(path), logs._BoundedFile(path)
    for handler in (first, second):
        handler.setFormatter(logging.Formatter("%(message)s"))
    for number in range(200):
        for handler in (first, second):
            handler.emit(logging.LogRecord("x", logging.INFO, "", 0, f"{number:04d}", None, None))
    for handler in (first, second):
        handler.close()
    assert path.stat().st_size < 1200
    assert path.read_text().splitlines()[-2:] == ["0199", "0199"]


def test_a_worker_that_says_much_cannot_fill_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("labkit.serving.supervisor.MAX_LOG_BYTES", 1000)
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 1000)
    with fake_endpoint(tmp_path):
        log = tmp_path / "worker-echo.log"
        with log.open("a") as appended:
            appended.write("z" * 5000)
        wait_for(lambda: log.stat().st_size == 0)
        assert log.with_suffix(".log.1").stat().st_size == 1000


def test_a_full_disk_costs_lines_and_nothing_else(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    with logging_to(tmp_path / "server.log"):
        monkeypatch.setattr(os, "write", full)
        logging.getLogger("labkit.api").error("lost")
        monkeypatch.undo()
        logging.getLogger("labkit.api").error("kept")
    assert capsys.readouterr().err == ""
    assert (tmp_path / "server.log").read_text().endswith("kept\n")


def test_json_lines_are_one_object_each_whatever_is_said(tmp_path):
    path = tmp_path / "server.log"
    with logging_to(path, "json"):
        logging.getLogger("labkit.api").info("two\nlines \x1b[31m %s", "ü")
        logging.getLogger("labkit.requests").info("text", extra={"request": {"route": "/x", "status": 200}})
        try:
            raise ValueError("bug")
        except ValueError:
            logging.getLogger("uvicorn.error").exception("failed")
    said, request, failed = (json.loads(line) for line in path.read_text().splitlines())
    assert said["message"] == "two\nlines \x1b[31m ü"
    assert said["level"] == "info"
    assert (request["logger"], request["route"], request["status"]) == ("labkit.requests", "/x", 200)
    assert "message" not in request
    assert "ValueError" in failed["exception"]
    assert path.read_text().isascii()


def test_the_last_lines_of_a_log_that_was_emptied_are_those_that_are_left(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("one\ntwo\n")
    assert last_lines(path, 4) == "two"
    assert last_lines(path, 10_000) == "one\ntwo"
    assert last_lines(tmp_path / "none.log") == ""
