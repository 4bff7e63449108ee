"""Instruction sets that matter to llama.cpp, in its own spelling, from each system's names for them."""

from collections.abc import Iterable, Mapping

_LINUX = {
    "pni": "sse3", "ssse3": "ssse3", "avx": "avx", "avx2": "avx2", "f16c": "f16c", "fma": "fma", "bmi2": "bmi2",
    "avx_vnni": "avx_vnni", "avx512f": "avx512", "avx512vbmi": "avx512_vbmi", "avx512_vnni": "avx512_vnni",
    "avx512_bf16": "avx512_bf16", "amx_int8": "amx_int8",
    "asimd": "neon", "neon": "neon", "asimdhp": "fp16_va", "asimddp": "dotprod", "i8mm": "matmul_int8",
    "sve": "sve", "sme": "sme",
}  # fmt: skip
_DARWIN = {
    "hw.optional.avx1_0": "avx", "hw.optional.avx2_0": "avx2", "hw.optional.f16c": "f16c",
    "hw.optional.fma": "fma", "hw.optional.bmi2": "bmi2", "hw.optional.avx512f": "avx512",
    "hw.optional.AdvSIMD": "neon", "hw.optional.neon": "neon", "hw.optional.arm.AdvSIMD": "neon",
    "hw.optional.arm.FEAT_FP16": "fp16_va", "hw.optional.arm.FEAT_DotProd": "dotprod",
    "hw.optional.arm.FEAT_I8MM": "matmul_int8", "hw.optional.arm.FEAT_SME": "sme",
}  # fmt: skip

# Implementer and part numbers of Arm cores: /proc/cpuinfo has no model name for them.
_ARM_IMPLEMENTERS = {
    0x41: "Arm", 0x42: "Broadcom", 0x46: "Fujitsu", 0x48: "HiSilicon", 0x4E: "NVIDIA", 0x51: "Qualcomm",
    0x61: "Apple", 0x6D: "Microsoft", 0xC0: "Ampere",
}  # fmt: skip
_ARM_PARTS = {
    (0x41, 0xD03): "Cortex-A53", (0x41, 0xD05): "Cortex-A55", (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72", (0x41, 0xD09): "Cortex-A73", (0x41, 0xD0A): "Cortex-A75",
    (0x41, 0xD0B): "Cortex-A76", (0x41, 0xD0C): "Neoverse-N1", (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD41): "Cortex-A78", (0x41, 0xD42): "Cortex-A78AE", (0x41, 0xD44): "Cortex-X1",
    (0x41, 0xD46): "Cortex-A510", (0x41, 0xD47): "Cortex-A710", (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4F): "Neoverse-V2", (0x41, 0xD80): "Cortex-A520", (0x41, 0xD85): "Cortex-X925",
    (0x41, 0xD87): "Cortex-A725",
}  # fmt: skip


def linux_features(flags: Iterable[str]) -> tuple[str, ...]:
    """From the words of the "flags" or "Features" line of /proc/cpuinfo."""
    return _ordered(_LINUX[flag] for flag in flags if flag in _LINUX)


def darwin_features(sysctl: Mapping[str, str]) -> tuple[str, ...]:
    """From sysctl's hw.optional.* entries that are 1."""
    return _ordered(name for key, name in _DARWIN.items() if sysctl.get(key) == "1")


def arm_core_name(implementer: int | None, part: int | None) -> tuple[str | None, str | None]:
    """(vendor, core) such as ("Arm", "Cortex-A76"); a number no table knows is unknown, never a neighbour."""
    if implementer is None or part is None:
        return None, None
    return _ARM_IMPLEMENTERS.get(implementer), _ARM_PARTS.get((implementer, part))


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
