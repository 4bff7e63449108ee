import pytest

from labkit.engine.capacity import HOST_CACHE_BYTES, CacheBudget, cache_budget
from labkit.engine.types import EngineConfig

PLENTY = 64 << 30


def budget(*, on_accelerator=False, forks_anywhere=True, free_bytes=PLENTY, **config):
    return cache_budget(
        EngineConfig(**config), on_accelerator=on_accelerator, forks_anywhere=forks_anywhere, free_bytes=free_bytes
    )


def test_on_a_processor_finished_sequences_leave_the_cells():
    assert budget() == CacheBudget(0, HOST_CACHE_BYTES)


def test_a_small_machine_keeps_less():
    assert budget(free_bytes=800) == CacheBudget(0, 100)


def test_a_bound_is_for_what_nobody_typed():
    assert budget(host_cache_limit_bytes=100) == CacheBudget(0, 100)
    assert budget(host_cache_limit_bytes=100, on_accelerator=True).host_bytes == 0
    assert budget(host_cache_limit_bytes=100, host_cache_bytes=2000).host_bytes == 2000


@pytest.mark.parametrize("fields", [{"host_cache_bytes": 0}, {"on_accelerator": True}])
def test_without_a_second_tier_they_stay_where_they_are(fields):
    assert budget(**fields) == CacheBudget(None, 0)


def test_memory_that_only_whole_sequences_can_be_copied_from_stays():
    assert budget(forks_anywhere=False) == CacheBudget(None, HOST_CACHE_BYTES)


def test_what_the_user_says_counts():
    assert budget(cache_bytes=5, host_cache_bytes=7, on_accelerator=True) == CacheBudget(5, 7)
