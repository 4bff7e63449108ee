"""`labkit keys` and `labkit usage` as a person meets them."""

import json
import time

import pytest

from labkit.access.key_file import KeyFile
from labkit.access.keys import Budget, find_key
from labkit.access.ledger import Ledger, UsageRow
from labkit.cli.app import app
from labkit.cli.errors import run


@pytest.fixture
def labkit(tmp_path, monkeypatch, capsys):
    """Run a command: `code, printed, said = labkit("keys", "list")`."""
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    monkeypatch.delenv("LABKIT_DEBUG", raising=False)

    def call(*words):
        code = run(lambda: app(list(words)))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def file(tmp_path):
    return KeyFile(tmp_path / "access" / "keys.json")


def test_a_key_is_printed_once_and_works(labkit, file):
    code, printed, said = labkit(
        "keys", "create", "ada", "--rpm", "60", "--tpd", "500000", "--models", "nano, qwen3-*", "--expires", "30d"
    )
    assert code == 0
    assert "not shown again" in said
    key = find_key(file.read(), printed.strip())
    assert (key.name, key.models) == ("ada", ("nano", "qwen3-*"))
    assert key.budget == Budget(requests_per_minute=60, tokens_per_day=500_000)
    assert key.expires_at == pytest.approx(time.time() + 30 * 86400, abs=60)
    for words in (
        ("keys", "list"),
        ("keys", "list", "--json"),
        ("keys", "show", "ada"),
        ("keys", "show", "ada", "--json"),
    ):
        code, shown, _ = labkit(*words)
        assert code == 0
        assert "ada" in shown
        assert printed.strip().split("_")[2] not in shown
        assert key.digest not in shown


def test_a_key_as_json(labkit, file):
    _, printed, _ = labkit("keys", "create", "bob", "--concurrency", "2", "--tenant", "team", "--json")
    made = json.loads(printed)
    assert find_key(file.read(), made["key"]).id == made["id"]
    assert made["budget"]["concurrent_requests"] == 2
    assert "digest" not in made


def test_no_keys(labkit):
    code, printed, said = labkit("keys", "list")
    assert (code, printed) == (0, "")
    assert "labkit keys create" in said


def test_limits_are_changed_one_by_one(labkit, file):
    labkit("keys", "create", "ada", "--rpm", "60", "--expires", "1h", "--models", "nano")
    assert labkit("keys", "edit", "ada", "--tpm", "100")[0] == 0
    assert file.read()[0].budget == Budget(requests_per_minute=60, tokens_per_minute=100)
    labkit("keys", "edit", "ada", "--unlimited", "--rpd", "9", "--expires", "never", "--models", "all", "--tenant", "t")
    (key,) = file.read()
    assert key.budget == Budget(requests_per_day=9)
    assert (key.expires_at, key.models, key.tenant) == (None, (), "t")
    _, shown, _ = labkit("keys", "show", "ada")
    assert "9 requests/day" in shown


def test_revoked_keys_are_gone(labkit, file):
    labkit("keys", "create", "ada")
    code, _, said = labkit("keys", "revoke", "ada")
    assert (code, file.read()) == (0, ())
    assert "is revoked" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("keys", "create", "ada"), "there is a key named 'ada'"),
        (("keys", "create", "bob", "--expires", "soon"), "--expires soon is no time"),
        (("keys", "create", "bob", "--expires", "2001-01-01"), "is over"),
        (("keys", "create", ""), "is no name for a key"),
        (("keys", "revoke", "zed"), "there are: ada"),
        (("keys", "show", "zed"), "there are: ada"),
        (("keys", "edit", "ada"), "nothing is to be changed"),
        (("usage", "--since", "99999"), "--since 99999 is no time"),
    ],
)
def test_what_is_wrong_is_said(labkit, words, message):
    labkit("keys", "create", "ada")
    code, printed, said = labkit(*words)
    assert (code, printed) == (2, "")
    assert message in said
    assert "->" in said


def test_usage(labkit, tmp_path):
    assert "Nothing was used" in labkit("usage")[2]
    ledger = Ledger(tmp_path / "access" / "usage.db")
    now = time.time()
    for age, name, model in ((0, "ada", "nano"), (0, "", "nano"), (10 * 86400, "ada", "qwen[red]")):
        ledger.record(
            UsageRow(now - age, name and "1", name, model, "/v1/chat/completions", 200, "", 1000, 50, 10, 5, 0.1, 2.0)
        )
    ledger.close()
    _, printed, _ = labkit("usage")
    assert [line.split()[0] for line in printed.splitlines()[1:]] == ["ada", "(no"]
    assert "2,000" in printed
    assert "qwen[red]" in labkit("usage", "--by", "model")[1]
    days = json.loads(labkit("usage", "--by", "day", "--since", "all", "--json")[1])
    assert [day["num_requests"] for day in days] == [1, 2]
    assert len(json.loads(labkit("usage", "--by", "day", "--since", "2d", "--json")[1])) == 1


def test_a_key_shows_what_it_used(labkit, file, tmp_path):
    labkit("keys", "create", "ada")
    ledger = Ledger(tmp_path / "access" / "usage.db")
    ledger.record(UsageRow(time.time(), file.read()[0].id, "ada", "nano", "/x", 200, "", 7, 5, 0, 0, None, 0.1))
    ledger.close()
    shown = json.loads(labkit("keys", "show", "ada", "--json")[1])
    assert shown["last_day"] == {"num_requests": 1, "num_tokens": 12}
