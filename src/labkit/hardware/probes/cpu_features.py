"""Instruction sets that matter to llama.cpp, in its own spelling, from each system's names for them."""

from collections.abc import Iterable, Mapping

_LINUX = {
    "pni": "sse3", "ssse3": "ssse3", "avx": "avx", "avx2": "avx2", "f16c": "f16c", "fma": "fma", "bmi2": "bmi2",
    "avx_vnni": "avx_vnni", "avx512f": "avx512", "avx512vbmi": "avx512_vbmi", "avx512_vnni": "avx512_vnni",
    "avx512_bf16": "avx512_bf16", "amx_tile": "amx_tile", "amx_int8": "amx_int8", "amx_bf16": "amx_bf16",
    "asimd": "neon", "neon": "neon", "asimdhp": "fp16_va", "asimddp": "dotprod", "i8mm": "matmul_int8",
    "bf16": "bf16", "sve": "sve", "sve2": "sve2", "sme": "sme",
    "vx": "vxe", "v": "riscv_v",
}  # fmt: skip
_DARWIN = {
    "hw.optional.avx1_0": "avx", "hw.optional.avx2_0": "avx2", "hw.optional.f16c": "f16c",
    "hw.optional.fma": "fma", "hw.optional.bmi2": "bmi2", "hw.optional.avx512f": "avx512",
    "hw.optional.AdvSIMD": "neon", "hw.optional.neon": "neon", "hw.optional.arm.AdvSIMD": "neon",
    "hw.optional.arm.FEAT_FP16": "fp16_va", "hw.optional.arm.FEAT_DotProd": "dotprod",
    "hw.optional.arm.FEAT_I8MM": "matmul_int8", "hw.optional.arm.FEAT_BF16": "bf16",
    "hw.optional.arm.FEAT_SME": "sme", "hw.optional.neon_fp16": "fp16_va",
}  # fmt: skip


def linux_features(flags: Iterable[str]) -> tuple[str, ...]:
    """From the words of the "flags" or "Features" line of /proc/cpuinfo."""
    return _ordered(_LINUX[flag] for flag in flags if flag in _LINUX)


def darwin_features(sysctl: Mapping[str, str]) -> tuple[str, ...]:
    """From sysctl's hw.optional.* entries that are 1."""
    return _ordered(name for key, name in _DARWIN.items() if sysctl.get(key) == "1")


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
