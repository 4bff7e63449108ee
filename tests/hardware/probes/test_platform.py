import pytest

from fakes.source import FakeSource, load_machine
from labkit.hardware.probes.platform import probe_platform
from labkit.hardware.source import CommandOutput

DMI = "/sys/class/dmi/id"
GUEST = "processor\t: 0\nflags\t\t: lm hypervisor\n"
METAL = "processor\t: 0\nflags\t\t: lm\n"
ARM = "processor\t: 0\nCPU architecture: 8\n"


def system_of(files, lscpu=None):
    commands = {"lscpu": CommandOutput(0, lscpu)} if lscpu else {}
    return probe_platform(FakeSource(files=files, commands=commands)).value


@pytest.mark.parametrize(
    ("files", "lscpu", "name"),
    [
        ({"/proc/cpuinfo": GUEST}, "Hypervisor vendor:  KVM\n", "KVM"),
        ({"/proc/cpuinfo": GUEST}, "Hypervisor vendor:  Microsoft\n", "Microsoft"),
        ({"/proc/cpuinfo": GUEST, f"{DMI}/sys_vendor": "VMware, Inc.\n"}, None, "VMware"),
        ({"/proc/cpuinfo": GUEST}, None, "unknown"),
        ({"/proc/cpuinfo": METAL, f"{DMI}/sys_vendor": "QEMU\n"}, None, None),
        ({"/proc/cpuinfo": METAL}, "Hypervisor vendor:  KVM\n", None),
        ({"/proc/cpuinfo": ARM, f"{DMI}/sys_vendor": "QEMU\n"}, None, "KVM"),
        (
            {"/proc/cpuinfo": ARM, f"{DMI}/sys_vendor": "Amazon EC2\n", f"{DMI}/product_name": "c7g.large\n"},
            None,
            "KVM (Amazon EC2)",
        ),
        (
            {"/proc/cpuinfo": ARM, f"{DMI}/sys_vendor": "Amazon EC2\n", f"{DMI}/product_name": "c7g.metal\n"},
            None,
            None,
        ),
        (
            {"/proc/cpuinfo": ARM, f"{DMI}/sys_vendor": "Microsoft Corporation\n", f"{DMI}/product_name": "Surface\n"},
            None,
            None,
        ),
        ({"/proc/device-tree/compatible": "linux,dummy-virt\0"}, None, "KVM"),
        ({"/sys/hypervisor/type": "xen\n"}, None, "Xen"),
        ({}, "Architecture:  x86_64\nHypervisor vendor:  KVM\n", "KVM"),
        ({}, "Hypervisor-Anbieter:  VMware\n", "VMware"),
        ({}, None, None),
    ],
)
def test_hypervisors(files, lscpu, name):
    assert system_of(files, lscpu).hypervisor == name


@pytest.mark.parametrize(
    ("files", "release", "architecture"),
    [
        ({"/proc/sys/kernel/osrelease": "6.8.0-45-generic\n"}, "6.8.0-45-generic", None),
        ({"/proc/version": "Linux version 6.1.21-v8+ (dom@buildbot) #1\n"}, "6.1.21-v8+", None),
        (
            {"/proc/sys/kernel/osrelease": "Linux box 6.8.0-45-generic #45 SMP x86_64 x86_64 x86_64 GNU/Linux\n"},
            "6.8.0-45-generic",
            "x86_64",
        ),
        ({"/proc/cpuinfo": METAL}, None, "x86_64"),
        ({"/proc/cpuinfo": ARM}, None, "aarch64"),
    ],
)
def test_release_and_architecture_of_a_saved_machine(files, release, architecture):
    found = system_of(files)
    assert (found.release, found.architecture) == (release, architecture)


def test_a_mac():
    found = probe_platform(load_machine("apple-m5-max")).value
    assert (found.name, found.release, found.architecture) == ("Darwin", "25.5.0", "arm64")
    assert (found.hypervisor, found.rosetta, found.load_average) == (None, False, 2.1)


def test_wsl_on_arm():
    found = probe_platform(load_machine("snapdragon-wsl")).value
    assert (found.wsl, found.hypervisor) == (2, "Microsoft")
