import json
from dataclasses import replace

import pytest

from fakes.source import FakeSource, load_machine
from labkit.errors import DataFolderError, InsufficientMemoryError
from labkit.hardware import load_or_measure_bandwidth, measure_read_bandwidth
from labkit.hardware.measure import (
    choose_buffer_bytes,
    cpu_identity,
    keep_bandwidth,
    load_bandwidth,
    measure_and_keep_bandwidth,
    thread_counts,
)
from labkit.hardware.profile import BandwidthMeasurement, Cpu, ThreadBandwidth
from labkit.settings import Settings

MIB = 1024**2
KEPT = BandwidthMeasurement(
    (ThreadBandwidth(1, 1e9), ThreadBandwidth(2, 3e9), ThreadBandwidth(4, 2e9)),
    256 * MIB,
    "2026-01-01T00:00:00+00:00",
)
SMALL = FakeSource(
    files={
        "/proc/cpuinfo": "processor: 0\nmodel name: Small\n\nprocessor: 1\nmodel name: Small\n",
        "/proc/meminfo": f"MemTotal: {1024 * 1024} kB\nMemAvailable: {1024 * 1024} kB\n",
    }
)


def test_measuring_gives_a_figure_for_each_thread_count():
    measured = measure_read_bandwidth([2, 1, 2], buffer_bytes=64 * MIB)
    assert [entry.threads for entry in measured.per_thread_count] == [1, 2]
    for entry in measured.per_thread_count:
        assert 1e8 < entry.bytes_per_second < 5e12
    assert measured.best in measured.per_thread_count
    assert measured.core_version


@pytest.mark.parametrize("counts", [[], [0], [-1, 2]])
def test_a_thread_count_below_one_is_a_bug_of_the_caller(counts):
    with pytest.raises(ValueError, match="thread counts"):
        measure_read_bandwidth(counts)


def test_the_best_is_the_fastest_and_not_the_one_with_most_threads():
    assert KEPT.best.threads == 2


@pytest.mark.parametrize(
    ("cores", "counts"), [(1, (1,)), (2, (1, 2)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8)), (12, (1, 2, 4, 8, 12))]
)
def test_thread_counts_double_up_to_all_cores(cores, counts):
    assert thread_counts(cores) == counts


@pytest.mark.parametrize(
    ("cache", "budget", "expected"),
    [
        (None, None, 256 * MIB),
        (32 * MIB, 24 * 1024 * MIB, 256 * MIB),
        (256 * MIB, 64 * 1024 * MIB, 1024 * MIB),
        (32 * MIB, 1024 * MIB, 128 * MIB),
    ],
)
def test_the_buffer_is_larger_than_the_cache_and_small_against_the_budget(cache, budget, expected):
    assert choose_buffer_bytes(cache, budget) == expected


@pytest.mark.parametrize(("cache", "budget"), [(None, 256 * MIB), (512 * MIB, 2048 * MIB), (None, 0)])
def test_too_little_memory_is_said(cache, budget):
    with pytest.raises(InsufficientMemoryError) as caught:
        choose_buffer_bytes(cache, budget)
    assert "--quick" in caught.value.hint


def test_a_measurement_is_made_once_and_kept(tmp_path):
    settings = Settings(data_folder=tmp_path)
    first = load_or_measure_bandwidth(settings, SMALL)
    assert first.cpu == "Small, 2 usable cores"
    assert load_or_measure_bandwidth(settings, SMALL) == first
    assert [path.suffix for path in settings.measurements_folder.iterdir()] == [".json"]


def at_load(load_average):
    return FakeSource(files=SMALL.files | {"/proc/loadavg": f"{load_average} 1.0 1.0 1/100 7\n"})


def test_a_busy_time_is_measured_again_once_the_machine_is_idle(tmp_path):
    settings = Settings(data_folder=tmp_path)
    busy = load_or_measure_bandwidth(settings, at_load(1.9))
    assert busy.load_average == 1.9
    assert load_or_measure_bandwidth(settings, at_load(2.5)) == busy
    idle = load_or_measure_bandwidth(settings, at_load(0.2))
    assert idle.load_average == 0.2
    assert load_or_measure_bandwidth(settings, at_load(0.1)) == idle


def test_a_busy_time_does_not_replace_better_figures(tmp_path):
    settings = Settings(data_folder=tmp_path)
    idle = replace(KEPT, cpu="Small, 2 usable cores", per_thread_count=(ThreadBandwidth(1, 1e15),))
    keep_bandwidth(settings, idle)
    busy, kept = measure_and_keep_bandwidth(settings, at_load(1.9))
    assert (kept, busy.load_average) == (True, 1.9)
    assert load_or_measure_bandwidth(settings, SMALL) == idle


def test_a_measurement_of_another_processor_is_not_used(tmp_path):
    settings = Settings(data_folder=tmp_path)
    keep_bandwidth(settings, BandwidthMeasurement(KEPT.per_thread_count, 1, "", cpu=cpu_identity(Cpu(model_name="A"))))
    assert load_bandwidth(settings, Cpu(model_name="A")) is not None
    assert load_bandwidth(settings, Cpu(model_name="B")) is None
    assert load_bandwidth(settings, Cpu(model_name="A", quota_cores=3, physical_cores=8)) is None


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"per_thread_count": [], "buffer_bytes": 1, "measured_at": ""}', "\x00"]
)
def test_a_damaged_file_is_no_measurement(text, tmp_path):
    settings = Settings(data_folder=tmp_path)
    path = keep_bandwidth(settings, KEPT)
    assert json.loads(path.read_text())["buffer_bytes"] == 256 * MIB
    path.write_text(text)
    assert load_bandwidth(settings, Cpu()) is None


def test_a_folder_that_cannot_be_written_costs_the_keeping_and_not_the_measurement(tmp_path):
    blocker = tmp_path / "file"
    blocker.touch()
    settings = Settings(data_folder=blocker / "data")
    measured, kept = measure_and_keep_bandwidth(settings, SMALL)
    assert not kept
    assert measured.best.bytes_per_second > 1e8
    with pytest.raises(DataFolderError):
        keep_bandwidth(settings, KEPT)


def test_a_machine_without_room_refuses_to_measure(tmp_path):
    crowded = load_machine("core-crashes")
    crowded.files["/proc/meminfo"] = "MemTotal: 32000000 kB\nMemAvailable: 100000 kB\n"
    with pytest.raises(InsufficientMemoryError):
        load_or_measure_bandwidth(Settings(data_folder=tmp_path), crowded)


def test_threads_stay_within_the_quota_of_a_control_group(tmp_path):
    measured = load_or_measure_bandwidth(Settings(data_folder=tmp_path), load_machine("docker-cgroup1"))
    assert [entry.threads for entry in measured.per_thread_count] == [1]
