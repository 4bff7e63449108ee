"""Names of the files of a capture: one for each command or path that a probe asks for.

A path keeps its own name without the leading slash ("proc/meminfo"). A command's standard output is in the file
named here; beside it may lie `<file>.exit` (its exit code, 0 when absent) and `<file>.stderr`. People save the same
output under other names, so each entry lists patterns of those (shell style, matched without regard to case).
"""

from dataclasses import dataclass

from labkit.hardware.capture_paths import DMESG, DXDIAG, LLM_CHECKER
from labkit.hardware.probes import windows


@dataclass(frozen=True, slots=True)
class CommandFile:
    """Where the output of a command is kept.

    Attributes:
        file: its name in a capture that labkit writes.
        command: the first words of the command line, as a probe runs it (the program without its folder).
        also: patterns of other names under which the same output is met.
        joined: several such files (sysctl-hw.txt, sysctl-machdep.txt) are parts of one output.
    """

    file: str
    command: tuple[str, ...]
    also: tuple[str, ...] = ()
    joined: bool = False


COMMANDS: tuple[CommandFile, ...] = (
    CommandFile("nvidia-smi-query.csv", ("nvidia-smi", "--query-gpu"), ("nvidia-smi*.csv",)),
    CommandFile("nvidia-smi-q-x.xml", ("nvidia-smi", "-q", "-x"), ("nvidia-smi*.xml",)),
    CommandFile("nvidia-smi-q.txt", ("nvidia-smi", "-q"), ("nvidia-smi*-q.*", "nvidia-smi*_q.*")),
    CommandFile("nvidia-smi-L.txt", ("nvidia-smi", "-L"), ("nvidia-smi*list*",)),
    CommandFile("nvidia-smi.txt", ("nvidia-smi",)),
    CommandFile("nvml.txt", ("python", "-m", "labkit.hardware.probes.nvml")),
    CommandFile("cuda-visible-devices.txt", ("printenv", "CUDA_VISIBLE_DEVICES")),
    CommandFile("rocm-smi-a.json", ("rocm-smi", "-a", "--json"), ("rocm-smi*.json",)),
    CommandFile("rocm-smi-meminfo.txt", ("rocm-smi", "--showmeminfo", "vram"), ("rocm-smi*mem*", "rocm-smi*vram*")),
    CommandFile("rocm-smi-product.txt", ("rocm-smi", "--showproductname"), ("rocm-smi*prod*", "rocm-smi*name*")),
    CommandFile("rocm-smi.txt", ("rocm-smi",), ("rocm-smi*",), joined=True),
    CommandFile("amd-smi-static.json", ("amd-smi", "static", "--json"), ("amd-smi*",)),
    CommandFile("rocminfo.txt", ("rocminfo",), ("rocminfo*",)),
    CommandFile("xpu-smi-discovery.txt", ("xpu-smi", "discovery"), ("xpu-smi*",)),
    CommandFile("lspci.txt", ("lspci",), ("lspci*",)),
    CommandFile("vulkaninfo.txt", ("vulkaninfo",), ("vulkaninfo*",)),
    CommandFile("lscpu.txt", ("lscpu",), ("lscpu*",), joined=True),
    CommandFile("sysctl-hw.txt", ("sysctl",), ("sysctl*",), joined=True),
    CommandFile("SPHardwareDataType.json", ("system_profiler", "SPHardwareDataType"), ("SPHardwareDataType*",)),
    CommandFile("SPDisplaysDataType.json", ("system_profiler", "SPDisplaysDataType"), ("SPDisplaysDataType*",)),
    CommandFile("SPMemoryDataType.json", ("system_profiler", "SPMemoryDataType"), ("SPMemoryDataType*",)),
    CommandFile("ioreg-gpu.txt", ("ioreg",), ("ioreg*",)),
    CommandFile("vm_stat.txt", ("vm_stat",), ("vm_stat*", "vm-stat*")),
    CommandFile("memory_pressure.txt", ("memory_pressure",), ("memory_pressure*", "memory-pressure*")),
    CommandFile("pmset-batt.txt", ("pmset",), ("pmset*",)),
    CommandFile("registry-vram.txt", ("reg", "query", windows.DISPLAY_KEY), ("registry*vram*", "registry*display*")),
    CommandFile("registry-cpu.txt", ("reg", "query", windows.CPU_KEY), ("registry*cpu*", "registry*processor*")),
    CommandFile("win32-video-controller.txt", windows.VIDEO, ("*win32*video*", "*videocontroller*", "wmic*video*")),
    CommandFile("win32-processor.txt", windows.PROCESSOR, ("*win32*processor*", "wmic*cpu*")),
    CommandFile("win32-operating-system.txt", windows.MEMORY, ("*win32*operating*", "wmic*os*")),
    CommandFile("win32-computer-system.txt", windows.COMPUTER, ("*win32*computer*", "wmic*computer*")),
    CommandFile("systeminfo.txt", ("systeminfo",), ("systeminfo*",)),
    CommandFile("labkit-core.json", ("python", "-m", "labkit.engine.native.describe")),
)

# Names without their folder, for paths that people save alone. An ending (.txt) and a "proc-" before it are left out.
LONE_PATHS: dict[str, str] = {
    "cpuinfo": "/proc/cpuinfo",
    "meminfo": "/proc/meminfo",
    "loadavg": "/proc/loadavg",
    "version": "/proc/version",
    "mountinfo": "/proc/self/mountinfo",
    "cgroup": "/proc/self/cgroup",
    "self-cgroup": "/proc/self/cgroup",
    "self-mountinfo": "/proc/self/mountinfo",
    "self-status": "/proc/self/status",
    "kernel": "/proc/sys/kernel/osrelease",
    "osrelease": "/proc/sys/kernel/osrelease",
    "uname": "/proc/sys/kernel/osrelease",
    "os-release": "/etc/os-release",
    ".dockerenv": "/.dockerenv",
    ".containerenv": "/run/.containerenv",
    "model": "/proc/device-tree/model",
    "mem_info_vram_total": "/sys/class/drm/card0/device/mem_info_vram_total",
    "mem_info_vram_used": "/sys/class/drm/card0/device/mem_info_vram_used",
    "physical_vram_size_bytes": "/sys/class/drm/card0/device/tile0/physical_vram_size_bytes",
    "lmem_total_bytes": "/sys/class/drm/card0/lmem_total_bytes",
    "mem_info_gtt_total": "/sys/class/drm/card0/device/mem_info_gtt_total",
    "memory.max": "/sys/fs/cgroup/memory.max",
    "memory.high": "/sys/fs/cgroup/memory.high",
    "memory.current": "/sys/fs/cgroup/memory.current",
    "memory.stat": "/sys/fs/cgroup/memory.stat",
    "memory.swap.max": "/sys/fs/cgroup/memory.swap.max",
    "cpu.max": "/sys/fs/cgroup/cpu.max",
    "memory.limit_in_bytes": "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "memory.usage_in_bytes": "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    "memory.memsw.limit_in_bytes": "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes",
    "cpu.cfs_quota_us": "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    "nv_tegra_release": "/etc/nv_tegra_release",
    "dmesg": DMESG,
    "dxdiag": DXDIAG,
    "llm-checker": LLM_CHECKER,
    "cpu.cfs_period_us": "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
}

# First folders of absolute paths: a file below one stands for that path.
SYSTEM_FOLDERS = ("proc", "sys", "etc", "run", "usr", "dev", "var", "opt")

# Written by labkit only: what the machine is, and what psutil said.
CAPTURE_FILE = "labkit-capture.json"
COUNTERS_FILE = "labkit-counters.json"
README_FILE = "README.txt"
# For outputs of command lines that have no entry above.
COMMANDS_FOLDER = "commands"
EXIT_ENDING, STDERR_ENDING = ".exit", ".stderr"
TIMED_OUT = "timeout"

# Words after a name that say in which form the output was saved, not of which machine it is.
FORMS = frozenset(
    "a all cut d excerpt full head hw json k kern log machdep mm nn nnk output out part partial q raw redacted summary "
    "stdout tail text trimmed txt v vm vv vvv x xml csv verbose".split()
)
