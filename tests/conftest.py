import signal

import pytest
from hypothesis import settings

# A busy machine is no failure: examples have no time limit.
settings.register_profile("labkit", deadline=None)
settings.load_profile("labkit")


@pytest.fixture(scope="session", autouse=True)
def interrupts_are_not_ignored():
    """A shell starts what it runs in the background with SIGINT ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
