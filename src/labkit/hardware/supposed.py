"""GPUs of a machine whose native core nobody asked: those that a core built for its tier would use. Pure."""

from labkit.hardware.merge import is_weak
from labkit.hardware.profile import Gpu, HardwareProfile, most_free_first
from labkit.hardware.tiers import tier_rule


def counted_gpus(profile: HardwareProfile) -> tuple[Gpu, ...]:
    """GPUs to count with, most free memory first: the usable ones, or without an answer of a core the supposed ones."""
    return profile.usable_gpus or supposed_gpus(profile)


def supposed_gpus(profile: HardwareProfile) -> tuple[Gpu, ...]:
    """What a core built for the tier would run on; nothing where a core was asked."""
    if profile.native_core is not None:
        return ()
    vendors = tier_rule(profile.tier).vendors
    fitting = (gpu for gpu in profile.gpus if gpu.usable is None and gpu.vendor in vendors and not is_weak(gpu))
    return most_free_first(fitting)
