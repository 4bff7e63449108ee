"""Tensors that leave their layer, as llama.cpp's `--override-tensor` names them: experts in system memory and the like.

The patterns are those of common/fit.cpp.
"""

from collections.abc import Sequence

from labkit.estimate.devices import LayerSplit, Overflow

CPU = "CPU"
_PARTS: dict[Overflow, str] = {
    "experts": r"ffn_(up|down|gate_up|gate)_(ch|)exps",
    "attention": r"ffn_(gate|up|gate_up|down).*",
    "up": r"ffn_(gate|gate_up|down).*",
    "gate": r"ffn_down.*",
}


def tensor_overrides(
    split: LayerSplit | None, num_layers: int, devices: Sequence[str] = ()
) -> tuple[tuple[str, str], ...]:
    """(pattern, device) pairs of a split of `num_layers` over these devices, "CPU" for system memory. Pure."""
    if split is None:
        return ()
    if split.experts_in_ram:
        return ((rf"blk\.\d+\.{_PARTS['experts']}", CPU),)
    found: list[tuple[str, str]] = []
    number = num_layers + 1 - split.gpu_layers
    for device, share in enumerate(split.shares):
        number += share.num_full
        for offset in range(share.num_partial):
            what: Overflow = share.overflow if not offset else "experts"
            target = devices[device + 1] if share.overflows_to_next and not offset else CPU
            found.append((rf"blk\.{number + offset}\.{_PARTS[what]}", target))
        number += share.num_partial
    return tuple(found)
