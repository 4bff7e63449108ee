"""A hub on loopback that the real client talks to."""

import random

import pytest

from fakes.hub import BoxRepository, hub_box

CONTENT = random.Random(5).randbytes(300_000)
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")


@pytest.fixture
def hub(monkeypatch):
    """A box with one repository, and huggingface_hub pointed at it."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    repositories = {"org/tiny": BoxRepository({"tiny-Q8_0.gguf": CONTENT, "README.md": b"# tiny"})}
    with hub_box(repositories) as box:
        for name in _PROXIES:
            monkeypatch.delenv(name, raising=False)
        for name, value in box.environment().items():
            monkeypatch.setenv(name, value)
        # The client reads its environment once, when it is imported.
        monkeypatch.setattr(constants, "ENDPOINT", box.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{box.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(_http, "_HUB_ORIGINS", frozenset({_http._url_origin(box.url)}))
        _http.close_session()
        yield box
        _http.close_session()
