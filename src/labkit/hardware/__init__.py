"""The machine: what it has, what the installed native core can use of it, how fast its memory is, what is wrong.

`detect_hardware` asks this machine, `load_profile` reads another one from a file: both give a HardwareProfile.
Names are loaded when they are used: a command may ask the machine while the rest is still loading.
"""

from typing import TYPE_CHECKING

from labkit.lazy import lazy_names

if TYPE_CHECKING:
    from labkit.hardware.detect import detect_hardware
    from labkit.hardware.document import load_profile, parse_profile, render_toml
    from labkit.hardware.known import find_profile, known_profiles, load_shipped_profiles
    from labkit.hardware.measure import load_or_measure_bandwidth, measure_read_bandwidth
    from labkit.hardware.profile import (
        BandwidthMeasurement,
        Cpu,
        Gpu,
        HardwareProfile,
        Memory,
        NativeCore,
        Problem,
        ThreadBandwidth,
    )
    from labkit.hardware.verdict import render_verdict, tier_name

__all__ = [
    "BandwidthMeasurement",
    "Cpu",
    "Gpu",
    "HardwareProfile",
    "Memory",
    "NativeCore",
    "Problem",
    "ThreadBandwidth",
    "detect_hardware",
    "find_profile",
    "known_profiles",
    "load_or_measure_bandwidth",
    "load_profile",
    "load_shipped_profiles",
    "measure_read_bandwidth",
    "parse_profile",
    "render_toml",
    "render_verdict",
    "tier_name",
]

__getattr__ = lazy_names(
    __name__,
    {
        "BandwidthMeasurement": "profile",
        "Cpu": "profile",
        "Gpu": "profile",
        "HardwareProfile": "profile",
        "Memory": "profile",
        "NativeCore": "profile",
        "Problem": "profile",
        "ThreadBandwidth": "profile",
        "detect_hardware": "detect",
        "find_profile": "known",
        "known_profiles": "known",
        "load_or_measure_bandwidth": "measure",
        "load_profile": "document",
        "load_shipped_profiles": "known",
        "measure_read_bandwidth": "measure",
        "parse_profile": "document",
        "render_toml": "document",
        "render_verdict": "verdict",
        "tier_name": "verdict",
    },
)
