import pytest

from labkit.access.policy import AccessPolicy
from labkit.errors import InputError


def test_by_default_nothing_is_kept_and_nobody_is_named(tmp_path):
    policy = AccessPolicy()
    assert (policy.keys_path, policy.ledger_path) == (None, None)
    assert AccessPolicy(folder=tmp_path).ledger_path == tmp_path / "usage.db"
    assert AccessPolicy(folder=tmp_path, keep_usage=False).ledger_path is None


@pytest.mark.parametrize("name", ["box", "Box.Local", "10.0.0.7", "[fd00::1]"])
def test_host_names(name):
    AccessPolicy(host_names=(name,))


@pytest.mark.parametrize("name", ["", "*", "http://box", "box:80", "box/", "a b", "*.local"])
def test_what_is_no_host_name(name):
    with pytest.raises(InputError, match="host name"):
        AccessPolicy(host_names=(name,))


@pytest.mark.parametrize("origin", ["https://app.example", "http://localhost:3000", "https://[::1]:80"])
def test_origins(origin):
    AccessPolicy(origins=(origin,))


@pytest.mark.parametrize(
    "origin", ["*", "null", "app.example", "https://app.example/", "https://*.example", "file://x"]
)
def test_what_is_no_origin(origin):
    with pytest.raises(InputError, match="origin"):
        AccessPolicy(origins=(origin,))


def test_no_limit_is_zero():
    with pytest.raises(InputError, match="max_connections"):
        AccessPolicy(max_connections=0)
