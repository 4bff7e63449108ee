import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time

import pytest

from labkit.access.ledger import Ledger, UsageRow, open_ledger, past_day
from labkit.access.usage import UsageSum, sum_usage
from labkit.errors import DataFolderError

DAY = 86400.0


def row(**changes):
    fields = {
        "time": time.time(), "key_id": "", "key_name": "", "model": "nano", "route": "/v1/chat/completions",
        "status": 200, "error": "", "prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 4,
        "reasoning_tokens": 1, "first_token_seconds": 0.1, "seconds": 0.5,
    }  # fmt: skip
    return UsageRow(**(fields | changes))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "access" / "usage.db"


def write(path, *rows, **options):
    ledger = Ledger(path, **options)
    for one in rows:
        ledger.record(one)
    ledger.close()


def count(path, table="requests"):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_what_was_used_is_summed_by_key_model_and_day(path):
    write(
        path,
        row(key_id="1", key_name="ada"),
        row(key_id="1", key_name="ada", model="big", status=429, error="BudgetExceededError"),
        row(completion_tokens=100),
        row(time=time.time() - 3 * DAY, status=None),
    )
    assert sum_usage(path, "key") == [
        UsageSum("", "", 2, 1, 20, 105, 8, 2, 1.0),
        UsageSum("ada", "1", 2, 1, 20, 10, 8, 2, 1.0),
    ]
    assert [(one.what, one.num_requests) for one in sum_usage(path, "model")] == [("nano", 3), ("big", 1)]
    days = sum_usage(path, "day")
    assert [one.num_requests for one in days] == [1, 3]
    assert days[1].what == time.strftime("%Y-%m-%d", time.gmtime())
    assert [one.num_requests for one in sum_usage(path, "day", since=time.time() - DAY)] == [3]


def test_without_a_ledger_nothing_was_used(path):
    assert sum_usage(path, "key") == []
    assert past_day(path) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_nobody_else_can_read_it(path):
    before = os.umask(0)
    try:
        write(path, row())
        connection = open_ledger(path)
        connection.execute("INSERT INTO days SELECT 'x', '', '', '', 1, 1, 1, 1, 1, 1, 1")
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        connection.close()
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_old_requests_become_sums_of_their_days(path):
    old = time.time() - 40 * DAY
    write(path, row(time=old), row(time=old, status=500), row(), keep_days=30)
    assert (count(path), count(path, "days")) == (1, 1)
    write(path, row(time=old + 1), keep_days=30)
    assert (count(path), count(path, "days")) == (1, 1)
    (kept,) = sum_usage(path, "key")
    assert (kept.num_requests, kept.num_failed, kept.prompt_tokens, kept.seconds) == (4, 1, 40, 2.0)


def test_the_ledger_does_not_grow_for_ever(path):
    now = time.time()
    write(path, *[row(time=now - number) for number in range(100)], max_rows=10)
    assert count(path) == 10
    assert sum_usage(path, "model")[0].num_requests == 100


def test_the_last_day_is_known_after_a_restart(path):
    now = time.time()
    write(
        path,
        row(key_id="1", time=now - 100),
        row(key_id="1", time=now - 2 * DAY),
        row(key_id="1", time=now - 100, status=429, error="BudgetExceededError"),
        row(key_id="2", time=now - DAY / 2, prompt_tokens=100),
        row(time=now),
    )
    uses = {use.key_id: use for use in past_day(path)}
    assert set(uses) == {"1", "2"}
    assert (uses["2"].num_requests, uses["2"].num_tokens) == (1, 105)
    assert uses["2"].age_seconds == pytest.approx(DAY / 2, abs=60)
    assert (uses["1"].num_requests, uses["1"].num_tokens) == (1, 15)


def test_a_clock_that_was_set_back_is_no_future(path):
    write(path, row(key_id="1", time=time.time() + 3600))
    assert [use.age_seconds for use in past_day(path)] == [0.0]


def test_what_a_killed_process_recorded_a_second_ago_is_there(path):
    code = """
import sys, time
from pathlib import Path
from labkit.access.ledger import Ledger, UsageRow
ledger = Ledger(Path(sys.argv[1]))
for number in range(500):
    ledger.record(UsageRow(time.time(), "", "", "nano", "", 200, "", 1, 1, 0, 0, None, 0.1))
time.sleep(1.2)
print("written", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().strip() == b"written"
        process.send_signal(signal.SIGKILL)
    assert sum_usage(path, "key")[0].num_requests == 500


@pytest.mark.skipif(os.name == "nt", reason="needs resource limits")
def test_a_full_disk_costs_a_warning_and_nothing_else(path, caplog):
    import resource

    write(path, row())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ledger = Ledger(path)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        for _ in range(200):
            started = time.perf_counter()
            ledger.record(row())
            assert time.perf_counter() - started < 0.1
        wait_for(lambda: "usage cannot be written" in caplog.text)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    ledger.close()
    assert "200 requests wait" in caplog.text
    assert count(path) == 201  # they waited until there was room again


def wait_for(condition):
    while not condition():
        time.sleep(0.02)


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path, caplog):
    (tmp_path / "access").write_text("a file where the folder should be")
    write(tmp_path / "access" / "usage.db", row())
    assert "usage cannot be written" in caplog.text


def test_a_damaged_ledger_is_set_aside(path, caplog):
    write(path, row())
    path.write_bytes(b"no database" * 1000)
    write(path, row())
    assert count(path) == 1
    assert len(list(path.parent.glob("usage.broken-*"))) == 1
    assert "set aside" in caplog.text


def test_a_damaged_ledger_is_no_traceback_for_a_reader(path):
    write(path, row())
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(DataFolderError, match="cannot be read"):
        sum_usage(path, "key")


def test_a_ledger_from_a_newer_labkit_is_left_alone(path, caplog):
    write(path, row())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")
    write(path, row())
    assert "newer labkit" in caplog.text
    assert count(path) == 1
    with pytest.raises(DataFolderError, match="newer labkit"):
        sum_usage(path, "key")


def test_two_endpoints_may_write_one_ledger(path):
    ledgers = [Ledger(path) for _ in range(3)]
    for number in range(300):
        ledgers[number % 3].record(row())
    for ledger in ledgers:
        ledger.close()
    assert count(path) == 300
