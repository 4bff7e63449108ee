import pytest

from labkit.engine.capacity import Capacity, capacity_of
from labkit.engine.types import EngineConfig


@pytest.mark.parametrize(
    ("config", "is_full", "expected"),
    [
        (EngineConfig(num_slots=8), True, Capacity(8, 72, 128)),
        (EngineConfig(num_slots=8), False, Capacity(8, 12, 128)),
        (EngineConfig(num_slots=2), False, Capacity(2, 4, 34)),
        (EngineConfig(num_slots=250), True, Capacity(250, 256, 256)),
        (EngineConfig(num_slots=1000), True, Capacity(256, 256, 256)),
        (EngineConfig(num_slots=8, cached_slots=0), True, Capacity(8, 8, 128)),
        (EngineConfig(num_slots=0, cached_slots=-5), True, Capacity(1, 1, 17)),
        (EngineConfig(num_slots=8, cached_slots=0, batch_tokens=32), True, Capacity(8, 8, 32)),
    ],
)
def test_slots_follow_the_memory_and_llama_cpp_s_limits(config, is_full, expected):
    assert capacity_of(config, is_full_attention=is_full) == expected
