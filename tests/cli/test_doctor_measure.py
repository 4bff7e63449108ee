from labkit.cli.doctor_measure import _calibrated
from labkit.hardware.profile import Cpu, HardwareProfile, NativeCore, OperatingSystem
from labkit.settings import Settings


def never(share, doing):
    raise AssertionError("nothing is to be measured")


def test_a_machine_whose_cores_are_all_wanted_is_not_measured_and_says_so(tmp_path):
    crowded = HardwareProfile(os=OperatingSystem(load_average=9.0), cpu=Cpu(logical_cores=4), native_core=NativeCore())
    found = _calibrated(Settings(data_folder=tmp_path), crowded, never)
    assert found.calibration is None
    (note,) = found.problems
    assert "load average 9.0 on 4 cores" in note.what
    assert note.fix.endswith("labkit doctor")


def test_a_core_that_does_not_load_is_not_measured(tmp_path):
    broken = HardwareProfile(native_core=NativeCore(load_error="SIGILL"))
    assert _calibrated(Settings(data_folder=tmp_path), broken, never) == broken
