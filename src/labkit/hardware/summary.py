"""A profile in a few flat values, for scripts: `summary` in the JSON of `labkit doctor`. Pure.

The names are stable; each is null when it is not known. Memory totals mean system memory; where only a graphics
card told its memory (a bare nvidia-smi output), they mean that card's.
"""

from typing import Any

from labkit.hardware.profile import Gpu, HardwareProfile
from labkit.units import GIB, MIB

_POOL = "ROCm's memory pool"  # the words with which the AMD probe names where a free size comes from


def summarize(profile: HardwareProfile) -> dict[str, Any]:
    """Flat values of a profile: booleans, numbers, texts, and one list of bytes.

    gpus: how many; vendor, name, unified: of the card with most memory, of an integrated part where there is no card.
    vram_bytes: of each GPU with memory of its own, and of an APU what the firmware set aside for it. mig: whether a
    slice of a card is what is used.
    total_memory_*: see above. ram_limit_bytes: smallest control-group limit. rocminfo_pool_kib: what ROCm can reach
    of an APU, where that is less than what the kernel says.
    """
    return {**_gpus(profile), **_memory(profile), **_processor(profile), **_system(profile)}


def _gpus(profile: HardwareProfile) -> dict[str, Any]:
    gpus = profile.gpus
    main = max(gpus, key=lambda gpu: (gpu.unified is not True, _own_memory(gpu)), default=Gpu())
    slices = [gpu.mig for gpu in gpus if gpu.mig is not None]
    return {
        "gpus": len(gpus),
        "vendor": main.vendor,
        "name": main.name,
        "vram_bytes": [own for gpu in gpus if (own := _own_memory(gpu))],
        "unified": main.unified,
        "mig": any(slices) if slices else None,
        "rocminfo_pool_kib": _rocm_pool_kib(profile),
    }


def _own_memory(gpu: Gpu) -> int:
    """Memory that is not the system's to give: a card's, or an APU's carve-out."""
    return (gpu.carve_out_bytes if gpu.unified else gpu.memory_bytes) or 0


def _rocm_pool_kib(profile: HardwareProfile) -> int | None:
    for index, gpu in enumerate(profile.gpus):
        fact = profile.sources.get(f"gpus.{index}.free_bytes")
        if gpu.free_bytes and fact and _POOL in fact.source:
            return gpu.free_bytes // 1024
    return None


def _memory(profile: HardwareProfile) -> dict[str, Any]:
    total = profile.memory.physical_bytes
    if total is None and len(profile.gpus) == 1 and profile.gpus[0].unified is False:
        total = profile.gpus[0].memory_bytes
    return {
        "total_memory_bytes": total,
        "total_memory_kib": _in(total, 1024),
        "total_memory_mib": _in(total, MIB),
        "total_memory_gb": _in(total, GIB),
        "ram_limit_bytes": profile.memory.limit_bytes,
        "ram_current_bytes": profile.memory.current_bytes,
    }


def _in(num_bytes: int | None, unit: int) -> int | float | None:
    if num_bytes is None:
        return None
    return num_bytes // unit if num_bytes % unit == 0 else round(num_bytes / unit, 3)


def _processor(profile: HardwareProfile) -> dict[str, Any]:
    cpu = profile.cpu
    # Linux lists every feature, so a missing one is absent; what sysctl does not print may be there all the same.
    unlisted = False if cpu.features and profile.os.name == "Linux" else None

    def has(*names: str) -> bool | None:
        return True if any(name in cpu.features for name in names) else unlisted

    return {
        "cpu": cpu.model_name,
        "cores": cpu.physical_cores or (None if _may_have_two_threads(profile) else cpu.logical_cores),
        "threads_per_core": cpu.threads_per_core,
        "perf_cores": cpu.performance_cores,
        "eff_cores": cpu.efficiency_cores,
        "avx512": has("avx512"),
        "avx512_bf16": has("avx512_bf16"),
        "vnni": has("avx512_vnni", "avx_vnni"),
        "dotprod": has("dotprod"),
        "i8mm": has("matmul_int8"),
    }


def _may_have_two_threads(profile: HardwareProfile) -> bool:
    """Whether logical cores may be twice the physical ones: x86, unless one thread on each core is known."""
    return profile.is_x86 and profile.cpu.threads_per_core != 1


def _system(profile: HardwareProfile) -> dict[str, Any]:
    system = profile.os
    return {
        "board": system.board,
        "hypervisor": system.hypervisor,
        "wsl": system.wsl is not None if system.wsl or system.release else None,
    }
