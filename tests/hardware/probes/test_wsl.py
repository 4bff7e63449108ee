import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.wsl import has_windows_driver, probe_wsl, wsl_version
from labkit.hardware.source import CommandOutput


def heading(smi, driver):
    return f"| NVIDIA-SMI {smi}                 Driver Version: {driver}       CUDA Version: ERR!     |\n"


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("5.15.146.1-microsoft-standard-WSL2", 2),
        ("6.6.87.2-microsoft-standard-WSL2+", 2),
        ("6.1.21-custom-wsl2", 2),
        ("4.4.0-19041-Microsoft", 1),
        ("5.15.146.1-microsoft-st", 2),
        ("6.8.0-45-generic", None),
        (None, None),
    ],
)
def test_kernels_that_say_it(release, version):
    assert wsl_version(release) == version
    assert probe_wsl(FakeSource(), release) == version


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("5.15.146.1", 2),
        ("6.6.87.2-1", 2),
        ("2.6.32.61", None),
        ("6.8.12", None),
        ("4.9.253-tegra", None),
        ("5.15.0.1-generic", None),
    ],
)
def test_four_figures_are_microsofts_own_numbering(release, version):
    assert probe_wsl(FakeSource(), release) == version


def test_a_program_and_a_driver_of_different_versions_meet_only_there():
    assert has_windows_driver(heading("545.46", "546.80"))
    assert not has_windows_driver(heading("580.126.09", "580.126.09"))
    assert not has_windows_driver("| NVIDIA-SMI 540.3.0    Driver Version: N/A    |")
    assert not has_windows_driver("| NVIDIA-SMI 580.126.09    Driver Version: 580.1")  # cut
    assert not has_windows_driver(None)
    saved = FakeSource(commands={"nvidia-smi": CommandOutput(0, heading("545.46", "546.80"))})
    assert probe_wsl(saved, None) == 2
    assert probe_wsl(saved, "6.8.0-45-generic") is None


def test_a_living_machine_is_not_asked_for_nvidia_smi():
    source = FakeSource()
    probe_wsl(source, "6.8.0-45-generic")
    assert source.asked == []


@pytest.mark.parametrize("path", ["/usr/lib/wsl/lib/libcuda.so", "/dev/dxg"])
def test_microsofts_files(path):
    assert probe_wsl(FakeSource(files={path: ""}), "6.1.0-custom") == 2


def test_the_kernels_own_text():
    version = "Linux version 5.10.16.3-microsoft-standard-WSL2 (oe-user@oe-host) #1 SMP\n"
    assert probe_wsl(FakeSource(files={"/proc/version": version}), None) == 2
