import httpx2
import pytest

from fakes.endpoints import body, fake_endpoint
from labkit.access.key_file import KeyFile
from labkit.access.ledger import Ledger
from labkit.access.policy import AccessPolicy
from labkit.errors import DataFolderError, InputError, RefusedError
from labkit.serving.access import open_access

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_other_machines_are_kept_out_while_there_is_no_key(host, tmp_path):
    for policy in (AccessPolicy(), AccessPolicy(folder=tmp_path / "access")):
        with pytest.raises(RefusedError, match="no API key") as caught, open_access(policy, host):
            pass
        assert "labkit keys create" in caught.value.hint
        assert "ssh -L" in caught.value.hint
    assert not (tmp_path / "access").exists()


def test_what_is_no_address_is_refused():
    with pytest.raises(InputError), open_access(AccessPolicy(), "example.org"):
        pass


def test_keys_that_everybody_can_read_are_refused(tmp_path):
    policy = AccessPolicy(folder=tmp_path / "access")
    KeyFile(policy.keys_path).create("ada")
    policy.keys_path.chmod(0o644)
    with pytest.raises(DataFolderError, match="other users"), open_access(policy, "127.0.0.1"):
        pass


def test_with_a_key_other_machines_are_let_in_and_none_without(tmp_path):
    access = AccessPolicy(folder=tmp_path / "access", host_names=("box.local",))
    _, text = KeyFile(access.keys_path).create("ada")
    with fake_endpoint(tmp_path, host="0.0.0.0", access=access) as (endpoint, http):
        assert endpoint.url.startswith("http://127.0.0.1:")
        for key, status in (({}, 401), ({"x-api-key": "sk-other"}, 401), ({"x-api-key": text}, 200)):
            assert http.post(CHAT, json=body("hi"), headers=key).status_code == status
        # Each address of the machine is its name, a name only if it was given.
        url = f"http://127.0.0.5:{http.base_url.port}/health"
        assert httpx2.get(url, trust_env=False).status_code == 200
        for host, status in (("box.local", 200), ("127.0.0.6", 403), ("0.0.0.0", 403), ("evil.example", 403)):
            assert httpx2.get(url, headers={"host": host}, trust_env=False).status_code == status


def test_a_ledger_that_cannot_be_read_gives_new_budgets_and_a_warning(tmp_path, caplog):
    policy = AccessPolicy(folder=tmp_path / "access")
    Ledger(policy.ledger_path).close()
    policy.ledger_path.unlink(missing_ok=True)
    policy.ledger_path.mkdir()
    with open_access(policy, "127.0.0.1") as access:
        assert access.gate
    assert "budgets start anew" in caplog.text
