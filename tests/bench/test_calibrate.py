import pytest

from labkit.bench import calibrate
from labkit.bench.calibrate import run_child
from labkit.bench.calibration_models import ESSENTIAL_TYPES, FURTHER_TYPES
from labkit.bench.calibration_run import CalibrationTask
from labkit.errors import InsufficientMemoryError, NativeError
from labkit.hardware.calibration_store import load_calibration
from labkit.hardware.probes.cpu import probe_cpu
from labkit.hardware.source import SystemSource
from labkit.settings import load_settings


@pytest.mark.slow
def test_this_machine_is_measured_and_the_result_kept(tmp_path):
    settings, seen = load_settings({"LABKIT_HOME": str(tmp_path)}), []
    found = calibrate(settings, lambda share, doing: seen.append((share, doing)), seconds=0.1)
    cpu = found.device("CPU")
    assert [rate.tensor_type for rate in cpu.rates] == list(ESSENTIAL_TYPES)  # no time for further ones
    assert all(rate.bytes_per_second > 1e7 and rate.operations_per_second > 1e7 for rate in cpu.rates)
    assert cpu.layer("attention") is not None
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1
    assert {doing for _, doing in seen} >= {*ESSENTIAL_TYPES, "attention"}
    assert not {doing for _, doing in seen} & set(FURTHER_TYPES)
    assert load_calibration(settings, probe_cpu(SystemSource()).value) == found
    assert list(settings.synthetic_folder.iterdir()) == []


def test_a_child_that_fails_is_an_error_that_says_why(tmp_path):
    task = CalibrationTask("CPU", 1, 0, None, str(tmp_path / "missing"), 1.0)
    with pytest.raises(NativeError, match=r"could not be measured: .*missing") as caught:
        run_child(task, lambda _share, _doing: None)
    assert "labkit doctor" in caught.value.hint


def test_without_memory_nothing_is_started(tmp_path):
    from fakes.source import FakeSource

    meminfo = "MemTotal: 200000 kB\nMemAvailable: 100000 kB\n"
    with pytest.raises(InsufficientMemoryError) as caught:
        calibrate(load_settings({"LABKIT_HOME": str(tmp_path)}), source=FakeSource(files={"/proc/meminfo": meminfo}))
    assert "--quick" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
