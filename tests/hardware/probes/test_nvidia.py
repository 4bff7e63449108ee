import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.nvidia import FIELDS, mebibytes, parse_query_csv, parse_xml, probe_nvidia
from labkit.hardware.source import CommandOutput

MIB = 1024**2
TWO = "Tesla T4, 15360, 14918, 7.5, 550.1, [N/A], None\nTesla T4, 15360, 3, 7.5, 550.1, [N/A], None\n"


def answering(*outputs):
    return FakeSource(commands={f"nvidia-smi{start}": output for start, output in outputs})


def test_two_equal_cards_are_two():
    first, second = parse_query_csv(TWO, FIELDS)
    assert first.name == second.name == "Tesla T4"
    assert (first.memory_bytes, first.free_bytes, second.free_bytes) == (15360 * MIB, 14918 * MIB, 3 * MIB)
    assert first.unified is False
    assert first.mig is None


@pytest.mark.parametrize(
    "line", ["NVIDIA Thor, [N/A], [N/A], 11.0, 580.0, [N/A], ATS", "Orin (nvgpu), 0, 0, 8.7, 540.3, [N/A], [N/A]"]
)
def test_no_memory_size_means_unified_and_never_zero(line):
    (gpu,) = parse_query_csv(line, FIELDS)
    assert (gpu.unified, gpu.memory_bytes, gpu.free_bytes) == (True, None, None)


def test_lines_of_another_width_are_left_out():
    assert parse_query_csv("Tesla T4, 15360\n\nwarning: persistence mode is off\n", FIELDS) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("24564", 24564 * MIB), ("6144 MiB", 6144 * MIB), ("[N/A]", None), ("ERR!", None), (None, None)],
)
def test_mebibytes(text, expected):
    assert mebibytes(text) == expected


def test_fields_that_the_driver_does_not_know_are_left_out_one_by_one():
    kept = "name,memory.total,memory.free,driver_version,mig.mode.current"
    source = answering(
        (" --query-gpu=", CommandOutput(2, 'Field "addressing_mode" is not a valid field to query.\n')),
        (
            f" --query-gpu={','.join(FIELDS[:-1])} ",
            CommandOutput(2, 'Field "compute_cap" is not a valid field to query.\n'),
        ),
        (f" --query-gpu={kept} ", CommandOutput(0, "GeForce GTX 1660 Ti, 5944, 5700, 440.31, [N/A]\n")),
    )
    (gpu,) = probe_nvidia(source).value
    assert (gpu.name, gpu.memory_bytes, gpu.compute_capability) == ("GeForce GTX 1660 Ti", 5944 * MIB, None)


def test_a_driver_that_names_a_field_nobody_asked_for_ends_the_asking():
    source = answering(("", CommandOutput(2, 'Field "colour" is not a valid field to query.\n')))
    assert probe_nvidia(source).value == ()
    assert len(source.asked) == 1


@pytest.mark.parametrize(
    ("output", "what", "fix"),
    [
        (CommandOutput(None), "did not answer", "restart"),
        (CommandOutput(18, "Failed to initialize NVML: Driver/library version mismatch\n"), "mismatch", "restart"),
        (CommandOutput(6, "No devices were found\n"), "finds no card", "dmesg"),
        (CommandOutput(9, "", "NVIDIA-SMI has failed\n"), "NVIDIA-SMI has failed", "install the NVIDIA driver"),
        (CommandOutput(127), "exit code 127", "install the NVIDIA driver"),
    ],
)
def test_a_failing_driver_is_explained(output, what, fix):
    finding = probe_nvidia(answering(("", output)))
    assert finding.value == ()
    (problem,) = finding.problems
    assert what in problem.what
    assert fix in problem.fix


def test_inside_wsl_the_driver_is_mended_in_windows():
    source = answering(("", CommandOutput(9, "NVIDIA-SMI has failed\n")))
    source.files["/proc/sys/kernel/osrelease"] = "5.15.146.1-microsoft-standard-WSL2"
    (problem,) = probe_nvidia(source).problems
    assert "in Windows" in problem.fix


def test_a_loaded_driver_without_its_tool():
    source = FakeSource(files={"/proc/driver/nvidia/version": "NVRM version: 560\n"})
    (problem,) = probe_nvidia(source).problems
    assert "nvidia-smi is not installed" in problem.what


def test_the_xml_report_of_a_whole_card_and_of_a_cut_one():
    memory = "<fb_memory_usage><total>23028 MiB</total><free>22731 MiB</free></fb_memory_usage>"
    card = f"<gpu><product_name>NVIDIA A10G</product_name>{memory}</gpu>"
    text = f"<nvidia_smi_log><driver_version>535.1</driver_version>{card}</nvidia_smi_log>"
    (gpu,) = parse_xml(text)
    assert (gpu.name, gpu.memory_bytes, gpu.mig, gpu.driver) == ("NVIDIA A10G", 23028 * MIB, False, "535.1")
    assert parse_xml(text[:-20]) == ()
