import pytest

from labkit.hardware.capture.layout import COMMANDS, LONE_PATHS
from labkit.hardware.capture.names import label_of, name_files
from labkit.hardware.capture.tree import FileTree


def named(**files):
    return name_files(
        FileTree(
            "test", {path: (lambda num_bytes, text=text: text.encode()[:num_bytes]) for path, text in files.items()}
        )
    )


def kinds(*names):
    found = named(**dict.fromkeys(names, ""))
    return {
        path: kind
        for kind, files in (found.commands | found.paths).items()
        for group in files.values()
        for path in group
    }


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.file)
def test_every_file_of_the_layout_is_found_under_its_own_name(entry):
    assert kinds(entry.file) == {entry.file: entry.file}
    assert kinds(entry.file.upper()) == {entry.file.upper(): entry.file}


@pytest.mark.parametrize(("name", "path"), LONE_PATHS.items())
def test_a_path_is_found_without_its_folder(name, path):
    assert kinds(f"{name}.txt") == {f"{name}.txt": path}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rocminfo.excerpt", "rocminfo.txt"),
        ("SPDisplaysDataType.partial.json", "SPDisplaysDataType.json"),
        ("sphardwaredatatype.TXT", "SPHardwareDataType.json"),
        ("lspci-nn.log", "lspci.txt"),
        ("nvidia-smi-a100.xml", "nvidia-smi-q-x.xml"),
        ("nvidia-smi.csv", "nvidia-smi-query.csv"),
        ("outputs/vulkaninfo-summary.txt", "vulkaninfo.txt"),
        ("proc-meminfo.txt", "/proc/meminfo"),
        ("proc_self_cgroup", "/proc/self/cgroup"),
        ("sys_fs_cgroup_memory.max", "/sys/fs/cgroup/memory.max"),
        ("sys/class/drm/card0/device/vendor", "/sys/class/drm/card0/device/vendor"),
    ],
)
def test_names_that_people_give(name, kind):
    assert kinds(name) == {name: kind}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<?xml?><nvidia_smi_log><gpu/>", "nvidia-smi-q-x.xml"),
        ("name, memory.total [MiB]\nT4, 15360", "nvidia-smi-query.csv"),
        ("Hardware:\n\n    Hardware Overview:\n", "SPHardwareDataType.json"),
        ("hw.memsize: 1\n", "sysctl-hw.txt"),
        ('{"card0": {"GUID": "1"}}', "rocm-smi-a.json"),
        ("00:02.0 VGA compatible controller: Intel\n", "lspci.txt"),
        ("MemTotal:       16303844 kB\n", "/proc/meminfo"),
        ("processor\t: 0\n", "/proc/cpuinfo"),
    ],
)
def test_content_tells_what_a_strange_name_does_not(text, kind):
    found = named(**{"my file.dat": text})
    assert [*found.commands, *found.paths] == [kind]


def test_what_is_not_known_is_listed():
    assert named(**{"poem.txt": "roses are red"}).unknown == ["poem.txt"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("lspci.txt", ""),
        ("lspci-nn-v.txt", ""),
        ("lspci-laptop.txt", "laptop"),
        ("lspci-studio-a.txt", "studio-a"),
        ("lspci.partial.txt", ""),
        ("lspci_2.txt", "2"),
        ("lspcifoo.txt", None),
    ],
)
def test_words_after_a_name_tell_machines_apart_and_forms_do_not(name, label):
    assert label_of(name, "lspci") == label


def test_machines_are_counted_by_the_labels_of_a_kind_without_a_plain_file():
    assert named(**{"lspci-a1.txt": "", "lspci-b2.txt": "", "meminfo": ""}).labels == ["a1", "b2"]
    assert named(**{"lspci-a1.txt": "", "lspci.txt": ""}).labels == []
    assert named(**{"sysctl-hw.txt": "", "sysctl-home.txt": ""}).labels == []


def test_exit_codes_and_errors_are_no_files_of_their_own():
    assert kinds("nvidia-smi.txt", "nvidia-smi.txt.exit", "nvidia-smi.txt.stderr") == {
        "nvidia-smi.txt": "nvidia-smi.txt"
    }
