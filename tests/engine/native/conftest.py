import pytest

from labkit.engine.native.backend import NativeBackend
from labkit.engine.types import EngineConfig
from labkit.resources import embedded_model


@pytest.fixture(scope="module")
def backend():
    backend = NativeBackend(embedded_model(), EngineConfig(context_tokens=1024, num_slots=4, num_threads=1))
    yield backend
    backend.release()
