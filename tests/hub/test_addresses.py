"""Where a hub may send to, and that its token stays with it."""

import socket

import pytest

from fakes.hub import BoxRepository, Fault, hub_box
from fakes.hub.box import TOKEN
from fakes.hub.client import close_client
from labkit.errors import LabkitError, RefusedError
from labkit.hub import download, fetch_repository, locate
from labkit.hub.addresses import is_inside, require_allowed, without_password
from labkit.hub.transfer import Download
from labkit.pull.trial import without_secrets

HUB = "https://hub.example"
NAMES = {
    "hub.example": "93.184.215.14", "cdn.example": "93.184.215.15", "home.example": "127.0.0.1",
    "office.example": "10.1.2.3", "cloud.example": "169.254.169.254", "six.example": "::1",
    "mapped.example": "::ffff:10.0.0.1", "shared.example": "100.64.0.1",
}  # fmt: skip
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def resolver(monkeypatch):
    """Names as in the table; addresses as the system reads them, in every way of writing."""
    real = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        text = host.decode() if isinstance(host, bytes) else host
        if text.endswith(".example") and text not in NAMES:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return real(NAMES.get(text, host), port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name in (*PROXIES, *map(str.lower, PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x", "https://127.1/x", "https://2130706433/x", "https://0x7f000001/x", "https://[::1]/x",
        "https://10.0.0.7/x", "https://192.168.1.1/x", "https://172.16.0.1/x", "https://169.254.169.254/latest",
        "https://0.0.0.0/x", "https://[::ffff:127.0.0.1]/x", "https://[fd00::1]/x", "https://[fe80::1]/x",
        "https://localhost/x", *(f"https://{name}/x" for name in NAMES if name not in ("hub.example", "cdn.example")),
        "http://cdn.example/x", "http://hub.example/x",
        "https://name:word@cdn.example/x", "https://hub.example@cdn.example/x", "https://hub.example:443@127.0.0.1/",
        "https://cdn.example\\@127.0.0.1/x", "https://127.0.0.1\\@cdn.example/x", "https:///x", "//cdn.example/x",
        "ftp://cdn.example/x", "file:///etc/passwd", "gopher://cdn.example/", "data:text/plain,x", "javascript:1", "",
        "https://cdn.exam\nple/x", "https://[::1/x",
    ],
)  # fmt: skip
def test_a_public_hub_does_not_lead_here(url):
    with pytest.raises(RefusedError) as raised:
        require_allowed(url, HUB)
    assert raised.value.hint
    assert "word" not in raised.value.message.replace("password", "")


@pytest.mark.parametrize(
    ("url", "hub"),
    [
        ("https://cdn.example/x?signature=1", HUB), ("https://hub.example/y", HUB), ("https://HUB.example:443/y", HUB),
        ("https://gone.example/x", HUB),  # not resolved: the connection fails by itself
        ("http://cdn.example/x", "http://hub.example"), ("http://127.0.0.1:9/x", "http://127.0.0.1:8"),
        ("https://office.example/x", "https://home.example"),
    ],
)  # fmt: skip
def test_what_a_hub_may_send_to(url, hub):
    require_allowed(url, hub)


def test_a_proxy_resolves_names_but_addresses_are_looked_at(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    require_allowed("https://office.example/x", HUB)
    with pytest.raises(RefusedError):
        require_allowed("https://10.0.0.7/x", HUB)
    monkeypatch.setenv("no_proxy", "office.example")
    with pytest.raises(RefusedError):
        require_allowed("https://office.example/x", HUB)


def test_inside_is_told_by_every_address():
    assert [name for name in NAMES if not is_inside(name)] == ["hub.example", "cdn.example"]


def test_addresses_are_shown_without_a_password():
    assert without_password("https://me:secret@hub.example/x@y") == "https://hub.example/x@y"
    assert without_password(HUB) == HUB


@pytest.fixture
def other():
    """A second hub, which has the same repository."""
    with hub_box({"org/tiny": BoxRepository({"tiny-Q8_0.gguf": b"another" * 100})}) as box:
        yield box


def no_token_at(box):
    return {seen.authorization for seen in box.seen} == {None}


def test_the_token_stays_when_the_hub_sends_on_the_question(hub, other, monkeypatch):
    from huggingface_hub.utils import _http

    # Even if the real client took the other one for a hub of its own.
    known = frozenset({_http._url_origin(hub.url), _http._url_origin(other.url)})
    monkeypatch.setattr(_http, "_HUB_ORIGINS", known)
    hub.hub_faults = [Fault("redirect", location=f"{other.url}/api/models/org/tiny/revision/main?blobs=1")]
    repository = fetch_repository("org/tiny", "main")
    assert no_token_at(other)
    other.seen.clear()
    place = f"{other.url}/org/tiny/resolve/main/tiny-Q8_0.gguf"
    hub.hub_faults = [Fault("redirect", location=place)]
    locate(repository, repository.models[0])
    assert no_token_at(other)


def test_the_token_stays_when_the_bytes_come_from_elsewhere(hub, other, tmp_path, monkeypatch):
    monkeypatch.setattr("labkit.hub.transfer.FIRST_WAIT_SECONDS", 0.01)
    repository = fetch_repository("org/tiny", "main")
    file = repository.models[0]
    hub.hub_faults = [Fault("redirect", location=f"{other.url}/org/tiny/resolve/main/tiny-Q8_0.gguf")] * 9
    task = Download(
        file.path, lambda: locate(repository, file), file.size_bytes, file.sha256, tmp_path, tmp_path.joinpath
    )
    with pytest.raises(LabkitError):
        download(task, stall_seconds=1)
    assert other.seen
    assert no_token_at(other)


def test_a_renamed_repository_is_followed_on_the_hub(hub):
    hub.repositories["org/new-name"] = hub.repositories["org/tiny"]
    hub.hub_faults = [Fault("redirect", location=f"{hub.url}/api/models/org/new-name/revision/main?blobs=1")]
    assert fetch_repository("org/tiny", "main").name == "org/new-name"
    assert {seen.authorization for seen in hub.seen} == {f"Bearer {TOKEN}"}


def test_a_public_hub_does_not_send_the_question_inside(hub, monkeypatch):
    from labkit.hub import addresses, client

    monkeypatch.setattr(client, "endpoint", lambda: "http://hub.example")
    monkeypatch.setattr(addresses, "origin", lambda url: ("http", url.host, 80))
    client.session()
    hub.hub_faults = [Fault("redirect", location="http://10.0.0.7/api")]
    with pytest.raises(RefusedError, match="inside this network"):
        client.session().get(f"{hub.url}/api/models/org/tiny", follow_redirects=True)
    close_client()


def test_the_token_is_in_no_error_and_in_no_trial(hub, monkeypatch, caplog, capfd):
    caplog.set_level("DEBUG")
    hub.hub_faults = [Fault("status", status=status) for status in (401, 403, 500, 429)]
    for _ in range(4):
        with pytest.raises(LabkitError) as raised:
            fetch_repository("org/tiny", "main")
        assert TOKEN not in f"{raised.value.message} {raised.value.hint}"
    printed = capfd.readouterr()
    assert TOKEN not in caplog.text + printed.out + printed.err
    given = {"HF_TOKEN": TOKEN, "HUGGING_FACE_HUB_TOKEN": TOKEN, "AWS_SECRET_ACCESS_KEY": "x", "PATH": "/bin"}
    assert without_secrets(given) == {"PATH": "/bin"}
