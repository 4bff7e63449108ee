import pytest

from fakes.endpoints import fake_endpoint


@pytest.fixture
def start(tmp_path):
    """Start endpoints that end with the test: `endpoint, http = start("echo")`."""
    import contextlib

    with contextlib.ExitStack() as running:
        yield lambda *names, **changes: running.enter_context(fake_endpoint(tmp_path, *names, **changes))
