import pytest

from fakes.endpoints import fake_endpoint


@pytest.fixture(scope="package")
def served(tmp_path_factory):
    """An endpoint with a fake worker, for tests that leave it alive."""
    with fake_endpoint(tmp_path_factory.mktemp("served")) as (endpoint, _):
        yield endpoint
