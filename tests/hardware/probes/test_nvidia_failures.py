import pytest

from labkit.hardware.probes.nvidia_failures import explain, lost_card
from labkit.hardware.source import CommandOutput

NO_DRIVER = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA "
    "driver is installed and running.\n\n"
)


@pytest.mark.parametrize("code", [0, 9, 1])
@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        (NO_DRIVER, "couldn't communicate", "install the NVIDIA driver"),
        ("Failed to initialize NVML: Driver/library version mismatch\nNVML library: 5\n", "mismatch", "restart"),
        ("No devices were found\n", "finds no card", "dmesg"),
        ("Failed to initialize NVML: Unknown Error\n", "Unknown Error", "container"),
        ("Failed to initialize NVML: Insufficient Permissions\n", "Insufficient", "group"),
        ("Failed to initialize NVML: GPU access blocked by the operating system\n", "blocked", "driver"),
        ("Failed to initialize NVML: Driver Not Loaded\n", "Driver Not Loaded", "driver"),
        ("Failed to initialize NVML: N/A\n", "N/A", "driver"),
        ("NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please ...\n", "libnvidia-ml", "driver"),
        ("Unable to determine the device handle for GPU 0000:01:00.0: GPU is lost.  Reboot\n", "lost", "restart"),
        ("Segmentation fault (core dumped)\n", "Segmentation fault", "driver"),
        ("Some banner\nFailed to initialize NVML: Unknown Error\n", "NVML: Unknown Error", "container"),
    ],
)  # fmt: skip
def test_a_failure_is_told_by_its_words_whatever_the_exit_code(text, what, fix, code):
    for output in (CommandOutput(code, text), CommandOutput(code, "", text)):
        problem = explain(output, wsl=False)
        assert problem
        assert what in problem.what
        assert fix in problem.fix


def test_a_hanging_driver_and_one_that_fails_without_a_word():
    for output, what in ((CommandOutput(None), "did not answer"), (CommandOutput(127), "exit code 127")):
        problem = explain(output, wsl=False)
        assert problem
        assert what in problem.what


def test_inside_wsl_the_driver_is_mended_in_windows():
    problem = explain(CommandOutput(9, NO_DRIVER), wsl=True)
    assert problem
    assert "in Windows" in problem.fix


@pytest.mark.parametrize(
    "output",
    [
        None,
        CommandOutput(0, ""),
        CommandOutput(0, "name, memory.total [MiB]\n"),
        CommandOutput(127, "bash: nvidia-smi: command not found\n"),
        CommandOutput(1, "", "'nvidia-smi' is not recognized as an internal or external command,\n"),
    ],
)
def test_no_tool_is_no_failure_of_it(output):
    assert explain(output, wsl=False) is None


def test_one_lost_card_beside_others():
    text = "Unable to determine the device handle for GPU0000:02:00.0: Unknown Error\nname\nTesla T4\n"
    problem = lost_card(CommandOutput(0, text))
    assert problem
    assert "02:00.0" in problem.what
    assert lost_card(CommandOutput(0, "name\nTesla T4\n")) is None
    assert lost_card(None) is None
