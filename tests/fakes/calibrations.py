"""A calibration made by hand: round figures that a reader can follow."""

from labkit.hardware.calibration import AttentionCost, Calibration, DeviceCalibration, LayerCost, TypeRate

CPU = DeviceCalibration(
    device="CPU",
    attention=AttentionCost(head_seconds=8e-9, element_seconds=1e-10, prefill_element_seconds=5e-11, cold_seconds=1e-7),
    threads=4,
    rates=(
        TypeRate("Q4_K", 10e9, 100e9),
        TypeRate("Q6_K", 16e9, 120e9),
        TypeRate("Q8_0", 20e9, 160e9),
        TypeRate("F16", 25e9, 200e9),
    ),
    layers=(
        LayerCost("attention", 30e-6, 0.0, 4e-6),
        LayerCost("experts", 20e-6, 0.0, 5e-6),
        LayerCost("shortconv", 25e-6, 0.0, 3e-6),
        LayerCost("delta_net", 40e-6, 1e-9, 4e-6, 3e-10),
        LayerCost("mamba2", 35e-6, 3e-10, 3e-6, 2e-10),
    ),
    drift=0.05,
    spread=0.2,
)


def calibration(*devices: DeviceCalibration, **fields: object) -> Calibration:
    """One of these devices, or of CPU, made on an idle machine."""
    facts: dict[str, object] = {
        "measured_at": "2026-01-01T00:00:00+00:00", "seconds": 11.0, "cpu": "a processor, 4 usable cores",
        "core_version": "0.3.36", "core_build": "0c1e570", "load_average": 0.1,
    }  # fmt: skip
    return Calibration(devices or (CPU,), **(facts | fields))  # pyright: ignore[reportArgumentType]
