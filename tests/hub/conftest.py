"""A hub on loopback that the real client talks to."""

import random

import pytest

from fakes.hub import BoxRepository, hub_box
from fakes.hub.client import close_client, point_client_at

CONTENT = random.Random(5).randbytes(300_000)


@pytest.fixture
def hub(monkeypatch):
    """A box with one repository, and huggingface_hub pointed at it."""
    repositories = {"org/tiny": BoxRepository({"tiny-Q8_0.gguf": CONTENT, "README.md": b"# tiny"})}
    with hub_box(repositories) as box:
        point_client_at(box, monkeypatch)
        yield box
        close_client()
