import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakes import nvml_module
from labkit.hardware.probes.nvidia_card import Slice
from labkit.hardware.probes.nvml import NOT_INSTALLED, describe, parse_nvml

MIB = 1024**2


def text_of(module):
    return "\n".join(describe(module))


def test_what_the_library_says_is_read_back():
    first, second = parse_nvml(text_of(nvml_module.Nvml(nvml_module.RTX_4090, nvml_module.A100_WITH_SLICES)))
    assert (first.name, first.driver, first.pci_address) == ("NVIDIA GeForce RTX 4090", "570.86.15", "0000:01:00.0")
    assert (first.memory_bytes, first.reserved_bytes, first.free_bytes) == (24564 * MIB, 443 * MIB, 24000 * MIB)
    assert (first.compute_capability, first.memory_clock_mhz, first.bus_width_bits) == ("8.9", 10501, 384)
    assert (first.mig, first.slices, first.complete) == (False, None, True)
    assert (second.mig, second.slices) == (True, (Slice(19968 * MIB, 19955 * MIB), Slice(9856 * MIB, 9800 * MIB)))


def test_a_unified_part_and_an_old_driver():
    (card,) = parse_nvml(text_of(nvml_module.Nvml(nvml_module.GB10)))
    assert (card.name, card.memory_bytes, card.memory_absent) == ("NVIDIA GB10", None, True)
    assert card.addressing_mode == "ATS"
    (card,) = parse_nvml(text_of(nvml_module.OldNvml(nvml_module.RTX_4090)))
    assert (card.memory_bytes, card.reserved_bytes, card.mig) == (24564 * MIB, None, None)


def test_a_card_that_does_not_answer_is_left_out():
    text = text_of(nvml_module.Nvml(nvml_module.LOST, nvml_module.RTX_4090))
    assert [card.name for card in parse_nvml(text)] == ["NVIDIA GeForce RTX 4090"]


def test_the_same_calls_as_other_tools_print_them():
    text = (
        "device : NVIDIA GB10\ndriver : 580.95.05\n"
        "nvmlDeviceGetMemoryInfo    -> NVML_ERROR_NOT_SUPPORTED   total=0  free=0  used=0\n"
        "nvmlDeviceGetMemoryInfo_v2 -> NVML_ERROR_NOT_SUPPORTED   total=0  free=0  used=0\n"
        "device : Tesla T4\n"
        "nvmlDeviceGetMemoryInfo    -> NVML_SUCCESS   total=16106127360  free=15642656768  used=463470592\n"
        "nvmlDeviceGetMemoryInfo_v2 -> NVML_SUCCESS total=16106127360 reserved=463339520 free=15642656768 used=131072\n"
    )
    first, second = parse_nvml(text)
    assert (first.memory_absent, first.driver, second.driver) == (True, "580.95.05", "580.95.05")
    assert (second.memory_bytes, second.reserved_bytes, second.used_bytes) == (15360 * MIB, 463339520, 131072)
    for end in range(len(text)):
        parse_nvml(text[:end])


@pytest.mark.parametrize(
    "text", ["", "device", "driver : 5", "nvmlDeviceGetMemoryInfo -> NVML_SUCCESS total=5", NOT_INSTALLED]
)
def test_no_card_is_made_of_anything_else(text):
    assert parse_nvml(text) == ()


def run_child(folder: Path):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "labkit.hardware.probes.nvml"]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.mark.parametrize(
    ("module", "code", "says"),
    [
        ("raise ImportError('none here')", 1, NOT_INSTALLED),
        ("class NVMLError(Exception): pass\ndef nvmlInit(): raise NVMLError('Not Loaded')", 1, "Not Loaded"),
        (Path(nvml_module.__file__).read_text(encoding="utf-8"), 0, "device : NVIDIA GeForce RTX 4090"),
    ],
)  # fmt: skip
def test_the_child_process(tmp_path, module, code, says):
    (tmp_path / "pynvml.py").write_text(module, encoding="utf-8")
    done = run_child(tmp_path)
    assert done.returncode == code, done.stderr
    assert says in done.stdout
