"""Names of the files of a capture: one for each command or path that a probe asks for.

A path keeps its own name without the leading slash ("proc/meminfo"). A command's standard output is in the file
named here; beside it may lie `<file>.exit` (its exit code, 0 when absent) and `<file>.stderr`. People save the same
output under other names, so each entry lists patterns of those (shell style, matched without regard to case).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommandFile:
    """Where the output of a command is kept.

    Attributes:
        file: its name in a capture that labkit writes.
        command: the first words of the command line, as a probe runs it (the program without its folder).
        also: patterns of other names under which the same output is met.
    """

    file: str
    command: tuple[str, ...]
    also: tuple[str, ...] = ()


COMMANDS: tuple[CommandFile, ...] = (
    CommandFile("nvidia-smi-query.csv", ("nvidia-smi", "--query-gpu")),
    CommandFile("nvidia-smi-q-x.xml", ("nvidia-smi", "-q", "-x"), ("nvidia-smi*.xml",)),
    CommandFile("nvidia-smi.txt", ("nvidia-smi",)),
    CommandFile("nvml.txt", ("python", "-m", "labkit.hardware.probes.nvml")),
    CommandFile("rocm-smi-a.json", ("rocm-smi", "-a", "--json"), ("rocm-smi*.json",)),
    CommandFile("rocm-smi-meminfo.txt", ("rocm-smi", "--showmeminfo", "vram")),
    CommandFile("rocm-smi-product.txt", ("rocm-smi", "--showproductname")),
    CommandFile("amd-smi-static.json", ("amd-smi", "static", "--json"), ("amd-smi*.json",)),
    CommandFile("rocminfo.txt", ("rocminfo",), ("rocminfo*",)),
    CommandFile("xpu-smi-discovery.txt", ("xpu-smi", "discovery"), ("xpu-smi*",)),
    CommandFile("lspci.txt", ("lspci",), ("lspci*",)),
    CommandFile("vulkaninfo.txt", ("vulkaninfo",), ("vulkaninfo*",)),
    CommandFile("lscpu.txt", ("lscpu",), ("lscpu*",)),
    CommandFile("sysctl-hw.txt", ("sysctl",), ("sysctl*",)),
    CommandFile("SPHardwareDataType.json", ("system_profiler", "SPHardwareDataType"), ("SPHardwareDataType*",)),
    CommandFile("SPDisplaysDataType.json", ("system_profiler", "SPDisplaysDataType"), ("SPDisplaysDataType*",)),
    CommandFile("SPMemoryDataType.json", ("system_profiler", "SPMemoryDataType"), ("SPMemoryDataType*",)),
    CommandFile("labkit-core.json", ("python", "-m", "labkit.engine.native.describe")),
)

# Names without their folder, for paths that people save alone.
LONE_PATHS: dict[str, str] = {
    "cpuinfo": "/proc/cpuinfo",
    "cpuinfo.txt": "/proc/cpuinfo",
    "meminfo": "/proc/meminfo",
    "meminfo.txt": "/proc/meminfo",
    "kernel.txt": "/proc/sys/kernel/osrelease",
    "os-release": "/etc/os-release",
    "mem_info_vram_total": "/sys/class/drm/card0/device/mem_info_vram_total",
    "mem_info_gtt_total": "/sys/class/drm/card0/device/mem_info_gtt_total",
}
