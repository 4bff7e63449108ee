import json
import sys

import pytest

from labkit.hardware.capture.replay import entry_of, open_capture, plain_command, supposed_group
from labkit.hardware.source import DESCRIBE_CORE, SystemCounters


@pytest.fixture
def replay(tmp_path):
    def write(files):
        for name, text in files.items():
            path = tmp_path / "c" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return open_capture(tmp_path / "c").machines[""]

    return write


def test_a_command_answers_with_its_file_its_exit_code_and_its_errors(replay):
    source = replay({"nvidia-smi.txt": "table", "nvidia-smi.txt.exit": "9\n", "nvidia-smi.txt.stderr": "why"})
    output = source.run(["/usr/lib/wsl/lib/nvidia-smi"])
    assert (output.exit_code, output.stdout, output.stderr) == (9, "table", "why")


def test_the_longest_start_of_a_command_line_decides_and_none_stands_in_for_another(replay):
    source = replay({"nvidia-smi.txt": "table", "nvidia-smi-q-x.xml": "<x/>"})
    assert source.run(["nvidia-smi", "-q", "-x"]).stdout == "<x/>"
    assert source.run(["nvidia-smi"]).stdout == "table"
    assert source.run(["nvidia-smi", "--query-gpu=name", "--format=csv"]) is None
    assert source.run(["rocminfo"]) is None
    assert source.run([]) is None


def test_a_command_that_did_not_end_is_told_apart(replay):
    source = replay({"rocminfo.txt": "start", "rocminfo.txt.exit": "timeout"})
    assert source.run(["rocminfo"]).exit_code is None


def test_parts_of_one_output_are_joined(replay):
    source = replay({"sysctl-hw.txt": "hw.memsize: 1", "sysctl-machdep.txt": "machdep.cpu.brand_string: Apple M1"})
    assert source.system == "Darwin"
    assert source.run(["sysctl", "hw", "vm.loadavg"]).stdout.splitlines() == [
        "hw.memsize: 1",
        "machdep.cpu.brand_string: Apple M1",
    ]


def test_the_index_of_a_capture_goes_before_its_layout(replay):
    index = {"commands": {"lspci -s 00:02.0": "commands/01.txt", "lspci": "../../etc/passwd"}}
    files = {"labkit-capture.json": json.dumps(index), "commands/01.txt": "one", "lspci.txt": "all"}
    source = replay(files)
    assert source.run(["lspci", "-s", "00:02.0"]).stdout == "one"
    assert source.run(["lspci"]).stdout == "all"


def test_paths_and_globs(replay):
    source = replay({"sys/class/drm/card0/device/vendor": "0x1002", "sys/class/drm/card1/device/vendor": "0x8086"})
    assert source.read("/sys/class/drm/card1/device/vendor") == "0x8086"
    assert source.read("/proc/meminfo") is None
    assert source.glob("/sys/class/drm/card*/device/vendor") == [
        f"/sys/class/drm/card{i}/device/vendor" for i in (0, 1)
    ]
    assert source.glob("/sys/class/drm/card[0-9]") == ["/sys/class/drm/card0", "/sys/class/drm/card1"]
    assert source.glob("/sys/*/card0") == []


@pytest.mark.parametrize(
    ("files", "system"),
    [
        ({"SPHardwareDataType.json": ""}, "Darwin"),
        ({"win32-video-controller.txt": ""}, "Windows"),
        ({"nvidia-smi.txt": ""}, "Linux"),
        ({"registry-vram.txt": "", "proc/meminfo": ""}, "Linux"),
        ({"labkit-capture.json": '{"system": "Windows"}', "nvidia-smi.txt": ""}, "Windows"),
        ({"labkit-capture.json": '{"system": "BeOS"}', "nvidia-smi.txt": ""}, "Linux"),
    ],
)
def test_the_system_is_stated_or_told_by_the_files(replay, files, system):
    assert replay(files).system == system


def test_counters_come_from_the_capture_alone(replay):
    assert replay({"meminfo": ""}).counters() == SystemCounters()
    counts = '{"physical_cores": 6, "logical_cores": "many", "python": "3.13.0", "total_memory_bytes": -1, "x": 1}'
    source = replay({"meminfo": "", "labkit-counters.json": counts})
    assert source.counters() == SystemCounters(physical_cores=6, python="3.13.0")


def test_command_lines_are_known_by_the_bare_name_of_their_program():
    assert plain_command([r"C:\Program Files\NVIDIA Corporation\NVSMI\nvidia-smi.exe", "-L"]) == ["nvidia-smi", "-L"]
    assert plain_command([sys.executable, "-m", "x"]) == ["python", "-m", "x"]
    assert plain_command(DESCRIBE_CORE) == ["python", "-m", "labkit.engine.native.describe"]
    assert entry_of(plain_command(DESCRIBE_CORE)).file == "labkit-core.json"
    assert entry_of(["system_profiler", "-json", "SPDisplaysDataType"]).file == "SPDisplaysDataType.json"
    assert entry_of(["labkit"]) is None


ROOT = "/sys/fs/cgroup"


@pytest.mark.parametrize(
    ("paths", "group"),
    [
        ([f"{ROOT}/memory.max"], None),
        ([f"{ROOT}/memory/memory.limit_in_bytes"], None),
        ([f"{ROOT}/a.slice/b.scope/memory.max", f"{ROOT}/a.slice/memory.max"], "0::/a.slice/b.scope\n"),
        (
            [f"{ROOT}/memory/docker/x/memory.limit_in_bytes", f"{ROOT}/memory/memory.limit_in_bytes"],
            "1:memory:/docker/x\n",
        ),
        ([f"{ROOT}/a/memory.max", f"{ROOT}/b/memory.max"], None),
        ([f"{ROOT}/ab/memory.max", f"{ROOT}/a/memory.max"], None),
        ([], None),
    ],
)
def test_groups_within_each_other_tell_which_one_the_process_was_in(paths, group):
    assert supposed_group(paths) == group


def test_the_captured_group_goes_before_a_supposed_one(replay):
    limit = {"sys/fs/cgroup/a/memory.max": "1"}
    assert replay(limit).read("/proc/self/cgroup") == "0::/a\n"
    assert replay({**limit, "proc/self/cgroup": "0::/b\n"}).read("/proc/self/cgroup") == "0::/b\n"
