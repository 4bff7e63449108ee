"""What an output is, told by its own words, for files of a capture whose names say nothing."""

import re

_START_CHARACTERS = 16_384
# Kind (a file name of COMMANDS, or a path) -> words that only that output has. The first that fits wins.
_SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.MULTILINE | re.IGNORECASE))
    for kind, pattern in (
        ("nvidia-smi-q-x.xml", r"<nvidia_smi_log\b"),
        ("nvidia-smi-query.csv", r"\bmemory\.total\b.*\[MiB\]"),
        ("nvidia-smi-q.txt", r"^=+NVSMI LOG=+"),
        ("nvidia-smi-L.txt", r"^GPU 0: .*\(UUID: "),
        ("nvidia-smi.txt", r"NVIDIA-SMI (\d|has failed|couldn't)|^Failed to initialize NVML"),
        ("nvidia-smi-query.csv", r"^(\d{1,2}, ?)?(NVIDIA|GeForce|Tesla|Quadro|GRID) [^,\n]+,.*\b\d{4,6}\b"),
        ("nvml.txt", r"^\s*nvmlDeviceGetMemoryInfo\w*\s*->"),
        ("SPHardwareDataType.json", r'"SPHardwareDataType"\s*:|^\s*Hardware Overview:'),
        ("SPDisplaysDataType.json", r'"SPDisplaysDataType"\s*:|^Graphics/Displays:'),
        ("SPMemoryDataType.json", r'"SPMemoryDataType"\s*:'),
        ("sysctl-hw.txt", r"^(hw\.(memsize|ncpu|physicalcpu)|machdep\.cpu\.brand_string)\s*[:=]"),
        ("rocminfo.txt", r"^HSA (System Attributes|Agents)|^\s*Name:\s+gfx\d"),
        ("amd-smi-static.json", r'"(market_name|target_graphics_version|total_vram)"\s*:|^\s*MARKET_NAME:\s'),
        ("rocm-smi.txt", r"^device,.*(VRAM Total|Card [Ss]eries)"),
        ("rocm-smi-a.json", r'"card\d+"\s*:\s*\{'),
        ("rocm-smi-meminfo.txt", r"^GPU\[\d+\].*VRAM Total Memory"),
        ("rocm-smi-product.txt", r"^GPU\[\d+\].*Card Series"),
        ("vulkaninfo.txt", r"VkPhysicalDeviceProperties|^VULKANINFO"),
        ("xpu-smi-discovery.txt", r"\|\s*Device Name:\s"),
        ("xpu-smi-discovery.txt", r'"pci_bdf_address"\s*:'),
        ("registry-vram.txt", r"^\s+HardwareInformation\.qwMemorySize\s+REG_"),
        (
            "win32-video-controller.txt",
            r'"AdapterRAM"\s*:|^\s*AdapterRAM\s*[:= ]|^Node,AdapterRAM,|^"\w+",.*"AdapterRAM"|^"AdapterRAM",',
        ),
        (
            "win32-processor.txt",
            r'"(NumberOfCores|NumberOfLogicalProcessors)"\s*:|^\s*(NumberOfCores|NumberOfLogicalProcessors)\s*[:= ]',
        ),
        (
            "win32-operating-system.txt",
            r'"(FreePhysicalMemory|TotalVisibleMemorySize)"\s*:|'
            r"^\s*(FreePhysicalMemory|TotalVisibleMemorySize)\s*[:= ]",
        ),
        ("win32-computer-system.txt", r'"TotalPhysicalMemory"\s*:|^\s*TotalPhysicalMemory\s*[:= ]'),
        ("/labkit-capture/dxdiag.txt", r"^\s*(Card name|DirectX Version):\s"),
        ("/labkit-capture/dmesg.txt", r"amdgpu.*\d+M of (VRAM|GTT) memory ready"),
        ("systeminfo.txt", r"^Total Physical Memory:\s"),
        ("/labkit-capture/llm-checker.txt", r"^=== Hardware Detection ==="),
        ("lscpu.txt", r"^CPU op-mode\(s\):|^\s*NUMA node\(s\):"),
        ("lspci.txt", r"^([0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] .*: "),
        ("/proc/meminfo", r"^MemTotal:\s+\d+ kB"),
        ("/proc/cpuinfo", r"^(processor|vendor_id|model name|CPU implementer)\s*:"),
    )
)


def recognise(text: str) -> str | None:
    """The kind of an output from its beginning; None when nothing in it is known."""
    start = text[:_START_CHARACTERS]
    return next((kind for kind, sign in _SIGNS if sign.search(start)), None)
