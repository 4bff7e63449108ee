import pytest

from fakes.source import FakeSource
from labkit.engine.types import EngineConfig
from labkit.worker.loading import within_quota

FILES = {
    "/proc/self/cgroup": "0::/a\n",
    "/proc/self/mountinfo": "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
}


@pytest.mark.parametrize(
    ("quota", "most"), [("250000 100000", 2), ("50000 100000", 1), ("max 100000", None), (None, None)]
)
def test_no_more_threads_than_a_control_group_grants_time_for(quota, most):
    files = FILES if quota is None else FILES | {"/sys/fs/cgroup/a/cpu.max": quota}
    assert within_quota(EngineConfig(num_slots=3), FakeSource(files=files)) == EngineConfig(
        num_slots=3, max_threads=most
    )


def test_a_bound_that_was_asked_for_stays():
    files = FILES | {"/sys/fs/cgroup/a/cpu.max": "100000 100000"}
    assert within_quota(EngineConfig(max_threads=3), FakeSource(files=files)).max_threads == 3
