import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.nvidia import FIELDS, parse_output, probe_nvidia
from labkit.hardware.source import CommandOutput

MIB = 1024**2
HEADER = "name, pci.bus_id, memory.total [MiB], memory.free [MiB], compute_cap, driver_version, mig.mode.current\n"
T4 = HEADER + "Tesla T4, 00000000:00:04.0, 15360 MiB, 14918 MiB, 7.5, 550.54.15, [N/A]\n"
TABLE_GB10 = """\
| NVIDIA-SMI 580.126.09             Driver Version: 580.126.09     CUDA Version: 13.0     |
|   0  NVIDIA GB10                    On  |   0000000F:01:00.0 Off |                  N/A |
| N/A   36C    P8              3W /  N/A  | Not Supported          |      0%      Default |
"""
SLICE = "<mig_device><fb_memory_usage><total>9856 MiB</total><free>9800 MiB</free></fb_memory_usage></mig_device>"


def answering(*outputs, files=None):
    named = {start: CommandOutput(0, out) if isinstance(out, str) else out for start, out in outputs}
    return FakeSource(files=files, commands=named)


def xml_of(devices):
    return (
        "<nvidia_smi_log><gpu id='00000000:41:00.0'><product_name>NVIDIA A100-SXM4-40GB</product_name>"
        f"<mig_mode><current_mig>Enabled</current_mig></mig_mode><mig_devices>{devices}</mig_devices>"
        "<fb_memory_usage><total>40960 MiB</total><free>40000 MiB</free></fb_memory_usage></gpu></nvidia_smi_log>"
    )


def test_one_complete_answer_is_enough():
    source = answering(("nvidia-smi --query-gpu", T4), ("nvidia-smi", "must not be asked"))
    finding = probe_nvidia(source)
    (gpu,) = finding.value
    assert (gpu.name, gpu.memory_bytes, gpu.free_bytes) == ("Tesla T4", 15360 * MIB, 14918 * MIB)
    assert (gpu.unified, gpu.mig, gpu.compute_capability, gpu.pci_address) == (False, False, "7.5", "0000:00:04.0")
    assert finding.sources["0.memory_bytes"].source == "nvidia-smi"
    assert source.asked == [f"nvidia-smi --query-gpu={','.join(FIELDS)} --format=csv", "printenv CUDA_VISIBLE_DEVICES"]


def test_a_name_that_one_output_lacks_is_taken_from_another():
    csv = "memory.total [MiB], power.draw [W]\n[N/A], 11.17 W\n"
    finding = probe_nvidia(answering(("nvidia-smi --query-gpu", csv), ("nvidia-smi", TABLE_GB10)))
    (gpu,) = finding.value
    assert (gpu.name, gpu.unified, gpu.memory_bytes, gpu.driver) == ("NVIDIA GB10", True, None, "580.126.09")


def test_the_slices_of_a_partitioned_card_come_from_the_report():
    csv = HEADER + "NVIDIA A100-SXM4-40GB, 00000000:41:00.0, 40960 MiB, 40000 MiB, 8.0, 550.54, Enabled\n"
    finding = probe_nvidia(answering(("nvidia-smi --query-gpu", csv), ("nvidia-smi -q -x", xml_of(SLICE * 2))))
    assert [(gpu.memory_bytes, gpu.free_bytes, gpu.mig) for gpu in finding.value] == [
        (9856 * MIB, 9800 * MIB, True)
    ] * 2
    assert {gpu.compute_capability for gpu in finding.value} == {"8.0"}
    assert not finding.problems


@pytest.mark.parametrize(
    ("report", "what", "fix"), [(xml_of("None"), "without a slice", "-cgi"), ("", "not known", "-L")]
)
def test_a_partitioned_card_without_known_slices_has_no_usable_memory(report, what, fix):
    csv = HEADER + "NVIDIA A100-SXM4-40GB, 00000000:41:00.0, 40960 MiB, 40000 MiB, 8.0, 550.54, Enabled\n"
    finding = probe_nvidia(answering(("nvidia-smi --query-gpu", csv), ("nvidia-smi -q -x", report)))
    (gpu,) = finding.value
    assert (gpu.memory_bytes, gpu.free_bytes, gpu.mig) == (None, None, True)
    (problem,) = finding.problems
    assert what in problem.what
    assert fix in problem.fix


def test_fields_that_the_driver_does_not_know_are_left_out_one_by_one():
    def asking(*without):
        return f"nvidia-smi --query-gpu={','.join(name for name in FIELDS if name not in without)} "

    unknown = 'Field "{}" is not a valid field to query.\n\n'
    source = answering(
        (asking(), CommandOutput(2, unknown.format("addressing_mode"))),
        (asking("addressing_mode"), CommandOutput(2, "", unknown.format("compute_cap"))),
        (asking("addressing_mode", "compute_cap"), "name, memory.total [MiB]\nGeForce GTX 1660 Ti, 5944 MiB\n"),
    )
    (gpu,) = probe_nvidia(source).value
    assert (gpu.name, gpu.memory_bytes, gpu.compute_capability) == ("GeForce GTX 1660 Ti", 5944 * MIB, None)


def test_a_driver_that_names_a_field_nobody_asked_for_is_not_asked_again():
    source = answering(("", CommandOutput(2, 'Field "colour" is not a valid field to query.\n')))
    assert probe_nvidia(source).value == ()
    assert len([line for line in source.asked if "--query-gpu" in line]) == 1


def test_a_driver_that_hangs_is_asked_once():
    source = answering(("", CommandOutput(None)))
    finding = probe_nvidia(source)
    assert "did not answer" in finding.problems[0].what
    assert len(source.asked) == 1


def test_a_failing_tool_is_explained_and_lists_nothing():
    text = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"
    for source in (answering(("nvidia-smi", text)), answering(("nvidia-smi", CommandOutput(9, text)))):
        finding = probe_nvidia(source)
        assert finding.value == ()
        (problem,) = finding.problems
        assert "couldn't communicate" in problem.what


def test_a_loaded_driver_without_its_tool_is_asked_through_nvml():
    driver = {"/proc/driver/nvidia/version": "NVRM version: 560\n", "/sys/devices/system/cpu/online": "0-7\n"}
    nvml = "device : Tesla T4\nnvmlDeviceGetMemoryInfo_v2 -> NVML_SUCCESS total=16106127360 reserved=0 free=5 used=6\n"
    command = "python -m labkit.hardware.probes.nvml"
    finding = probe_nvidia(answering((command, nvml), files=driver))
    assert [gpu.memory_bytes for gpu in finding.value] == [15360 * MIB]
    assert finding.sources["0.memory_bytes"].source == "NVML"
    for missing in (("x", ""), (command, CommandOutput(1, "nvidia-ml-py is not installed\n"))):
        (problem,) = probe_nvidia(answering(missing, files=driver)).problems
        assert "nvidia-smi is not installed" in problem.what
    without = answering((command, nvml), files={"/sys/devices/system/cpu/online": "0-3\n"})
    assert probe_nvidia(without).value == ()
    assert command not in without.asked


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (
            {"/proc/device-tree/model": "NVIDIA Jetson Xavier NX Developer Kit\0"},
            "NVIDIA Jetson Xavier NX Developer Kit",
        ),
        ({"/etc/nv_tegra_release": "# R32 (release), REVISION: 7.1\n"}, "NVIDIA Jetson"),
    ],
)
def test_a_jetson_without_the_tool(files, name):
    (gpu,) = probe_nvidia(FakeSource(files=files)).value
    assert (gpu.name, gpu.unified, gpu.memory_bytes) == (name, True, None)


BUS = "/sys/bus/pci/devices/0000:01:00.0"
CARD = {f"{BUS}/vendor": "0x10de\n", f"{BUS}/class": "0x030000\n", f"{BUS}/device": "0x2684\n"}
ONLINE = {"/sys/devices/system/cpu/online": "0-3\n"}
LSPCI = (
    "0000:01:00.0 VGA compatible controller [0300]: NVIDIA Corporation AD102 [GeForce RTX 4090] [10de:2684] (rev a1)\n"
)


@pytest.mark.parametrize(
    ("driver", "severity", "says"),
    [
        (None, "warning", "no NVIDIA driver"),
        ("nouveau", "warning", "only nouveau"),
        ("vfio-pci", "note", "virtual machine"),
    ],
)
def test_a_card_without_a_driver_is_shown_with_what_it_needs(driver, severity, says):
    files = {**CARD, **ONLINE, **({f"{BUS}/uevent": f"DRIVER={driver}\n"} if driver else {})}
    finding = probe_nvidia(answering(("lspci", LSPCI), files=files))
    (gpu,) = finding.value
    assert (gpu.name, gpu.pci_address, gpu.memory_bytes) == ("NVIDIA GeForce RTX 4090", "0000:01:00.0", None)
    (problem,) = finding.problems
    assert problem.severity == severity
    assert says in problem.what


def test_a_list_of_the_bus_alone_says_nothing_of_the_driver():
    finding = probe_nvidia(answering(("lspci", LSPCI)))
    assert [gpu.name for gpu in finding.value] == ["NVIDIA GeForce RTX 4090"]
    assert not finding.problems
    assert probe_nvidia(FakeSource(files=ONLINE)).value == ()


def test_hidden_cards_and_lost_ones_are_told():
    text = "Unable to determine the device handle for GPU0000:02:00.0: GPU is lost.\n" + T4
    source = answering(("nvidia-smi --query-gpu", text), ("printenv CUDA_VISIBLE_DEVICES", "\n"))
    finding = probe_nvidia(source)
    assert len(finding.value) == 1
    lost, hidden = finding.problems
    assert "lost a card" in lost.what
    assert "hides 1 of 1" in hidden.what


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (T4, "Tesla T4"),
        (TABLE_GB10, "NVIDIA GB10"),
        ("Wed Jan  1\n" + TABLE_GB10, "NVIDIA GB10"),
        (xml_of("None"), "NVIDIA A100-SXM4-40GB"),
        ("GPU 0: Tesla T4 (UUID: GPU-1)\n", "Tesla T4"),
        ("==============NVSMI LOG==============\nGPU 00000000:01:00.0\n    Product Name   : Tesla T4\n", "Tesla T4"),
    ],
)
def test_an_output_is_known_by_its_content(text, name):
    assert [card.name for card in parse_output(text)] == [name]


@pytest.mark.parametrize(
    "piece",
    [
        " ",
        "|",
        "| 0 a ",
        "a, ",
        "NVIDIA a, ",
        "(",
        "1",
        ".",
        '"',
        "1MiB/",
        "NVIDIA-SMI a ",
        "<a>",
        "<gpu>",
        "[",
        "x 1 g ",
    ],
)
@pytest.mark.parametrize(
    "start", ["", "| 0 a", "| NVIDIA-SMI\n", "GPU 0: ", "<nvidia_smi_log>", "NVSMI LOG\n", "name, "]
)
def test_long_nonsense_is_read_in_a_moment_and_gives_nothing_with_a_size(start, piece):
    # Without bounds on lines, some of these take hours.
    assert all(card.memory_bytes is None for card in parse_output(start + piece * 20_000))
