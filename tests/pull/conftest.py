"""A hub on loopback with the embedded model, and a store that is empty."""

import pytest

from fakes.hub import BoxRepository, hub_box
from fakes.hub.client import close_client, point_client_at
from labkit import resources
from labkit.settings import Settings
from labkit.store import open_store


@pytest.fixture
def hub(monkeypatch):
    nano = resources.embedded_model()
    repositories = {
        "org/nano-GGUF": BoxRepository(
            {"nano-Q8_0.gguf": nano, "other-Q4_K_M.gguf": b"GGUF" + bytes(500), "README.md": b"# nano"}
        ),
        "org/gated": BoxRepository({"g-Q8_0.gguf": nano}, gated="manual"),
        "org/weights": BoxRepository({"model.safetensors": b"x"}),
        "org/parts": BoxRepository({"p-Q8_0-00001-of-00002.gguf": nano}),
    }
    with hub_box(repositories) as box:
        point_client_at(box, monkeypatch)
        yield box
        close_client()


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path / "home")


@pytest.fixture
def store(settings):
    return open_store(settings)
