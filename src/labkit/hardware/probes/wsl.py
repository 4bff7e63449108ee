"""The Windows Subsystem for Linux: by the kernel's name, by Microsoft's files, and by marks that only it leaves."""

import re

from labkit.hardware.source import Source, printed

# Microsoft's driver stubs and its paravirtual GPU device.
_FOLDERS = "/usr/lib/wsl/lib/*"
_DEVICE = "/dev/dxg"
# Microsoft numbers its kernels with four figures, "linux-msft-wsl-5.15.146.1", and no other kernel since 2.6 has them
# without a word after. Its text may have been cut where that follows, or a built kernel lacks it.
_MICROSOFT_VERSION = re.compile(r"([5-9]|[1-9]\d)\.\d+\.\d+\.\d+(-\d+)?\+?")
# nvidia-smi and the driver come together on any other system, and refuse to work together when they differ. Under WSL
# the program is Linux's and the driver is that of Windows.
_SMI = re.compile(r"NVIDIA-SMI\s+(\d[\d.]*)\s+Driver Version:\s*(\d[\d.]*)\s")


def probe_wsl(source: Source, release: str | None) -> int | None:
    """1 or 2; None outside of WSL."""
    named = wsl_version(release) or wsl_version(source.read("/proc/version"))
    if named or source.glob(_FOLDERS) or source.glob(_DEVICE):
        return named or 2
    # On a living machine the release is a whole text, and nvidia-smi is slow: only a saved one is asked further.
    if release and not _MICROSOFT_VERSION.fullmatch(release.strip()):
        return None
    return 2 if release or has_windows_driver(printed(source, ["nvidia-smi"])) else None


def wsl_version(release: str | None) -> int | None:
    """1 or 2 from a kernel release such as "5.15.146.1-microsoft-standard-WSL2"; None outside WSL."""
    text = release or ""
    if "-Microsoft" in text:  # version 1 writes it with a capital
        return 1
    return 2 if "microsoft" in text.lower() or "wsl2" in text.lower() else None


def has_windows_driver(table: str | None) -> bool:
    """Whether nvidia-smi's heading names a program and a driver of different versions."""
    match = _SMI.search(table or "")
    return bool(match) and match[1] != match[2] if match else False
