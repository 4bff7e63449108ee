"""Dealing a model out to accelerators in the steps of llama.cpp's own `fit` (common/fit.cpp, version 0.3.36).

1. Whole, as asked. 2. With less context, not under 4,096, in steps of 256. 3. Layers from the last device to the
first, of a mixture without its experts. 4. Of a mixture, whole layers from the first device on, and of one more layer
what fits of it. A margin stays free on each device; the system's memory is not checked.

What a split takes is asked of `measure`: formulas (`labkit.estimate.devices`) or the native core's own sizing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from labkit.estimate.devices import DeviceBytes, DeviceShare, LayerSplit, Overflow
from labkit.units import MIB

MARGIN_BYTES = 1024 * MIB
LEAST_CONTEXT_TOKENS = 4096
CONTEXT_STEP = 256

Measure = Callable[[int, LayerSplit | None], Sequence[DeviceBytes]]
"""What each device holds with so many tokens of context and this split; None puts all layers on devices, by their
free memory."""


@dataclass(frozen=True, slots=True)
class FitRequest:
    """What is to be fitted.

    Attributes:
        num_layers: without the head.
        trained_tokens: longest context of the training.
        has_experts: a mixture.
        free_bytes: of each device.
        context_tokens: fixed by the user; None takes the longest that fits.
        num_streams: sequences that have a cache of their own.
        margin_bytes: left free on each device.
    """

    num_layers: int
    trained_tokens: int
    has_experts: bool
    free_bytes: tuple[int, ...]
    context_tokens: int | None = None
    num_streams: int = 1
    margin_bytes: int = MARGIN_BYTES
    least_context_tokens: int = LEAST_CONTEXT_TOKENS


@dataclass(frozen=True, slots=True)
class Fitted:
    """A split that keeps the margin where that is possible. `split` None: everything on the devices, as it is."""

    context_tokens: int
    split: LayerSplit | None

    def gpu_layers(self, num_layers: int) -> int:
        """`n_gpu_layers`: layers on devices, the head counted as one."""
        return num_layers + 1 if self.split is None else self.split.gpu_layers


def fit(request: FitRequest, measure: Measure) -> Fitted:
    """The split that llama.cpp would choose. Pure but for `measure`."""
    longest = request.trained_tokens * request.num_streams
    tokens = longest if request.context_tokens is None else request.context_tokens
    whole = measure(tokens, None)
    if all(free - used.total >= request.margin_bytes for free, used in zip(request.free_bytes, whole, strict=True)):
        return Fitted(tokens, None)
    if request.context_tokens is None:
        tokens, is_enough = _shorter(request, measure, whole, longest)
        if is_enough and len(request.free_bytes) == 1:
            return Fitted(tokens, None)
    return Fitted(tokens, _Dealer(request, measure, tokens).deal())


def _shorter(request: FitRequest, measure: Measure, whole: Sequence[DeviceBytes], longest: int) -> tuple[int, bool]:
    """The context that would make room, and whether it does. Interpolated between the longest and the least."""
    least = request.least_context_tokens * request.num_streams
    used = sum(device.total for device in whole)
    target = sum(request.free_bytes) - request.margin_bytes * len(request.free_bytes)
    if used <= target or longest <= least:
        return longest, False
    num_devices = len(request.free_bytes)
    if num_devices > 1:
        # Only whole layers, or tensors, move between devices: half of one is wasted on each, on average.
        per_layer = sum(device.weight_bytes for device in whole) // request.num_layers
        target -= (num_devices + 1) * per_layer // (6 if request.has_experts else 2)
    used_least = sum(device.total for device in measure(least, None))
    if target <= used_least:
        return least, False
    tokens = least + (longest - least) * (target - used_least) // (used - used_least)
    step = CONTEXT_STEP * request.num_streams
    return max(tokens - tokens % step, least), True


class _Dealer:
    """Steps 3 and 4: bounds that close in on the most layers that a device holds (false position)."""

    def __init__(self, request: FitRequest, measure: Measure, tokens: int) -> None:
        self.request = request
        self.tokens = tokens
        self.num_devices = len(request.free_bytes)
        self.targets = [free - request.margin_bytes for free in request.free_bytes]
        self._measure = measure
        self.shares = [DeviceShare(0)] * self.num_devices
        self.used: list[int] = []

    def deal(self) -> LayerSplit:
        room_without_experts = self._room_without_experts() if self.request.has_experts else 0
        self.used = self.totals(self.shares)
        for device in reversed(range(self.num_devices)):
            self._fill_from_back(device)
        if self.request.has_experts and room_without_experts > 0:
            self._fill_with_experts()
        return LayerSplit(tuple(self.shares))

    def totals(self, shares: Sequence[DeviceShare]) -> list[int]:
        return [device.total for device in self._measure(self.tokens, LayerSplit(tuple(shares)))]

    def _room_without_experts(self) -> int:
        split = LayerSplit((), experts_in_ram=True)
        return sum(self.targets) - sum(device.total for device in self._measure(self.tokens, split))

    def _fill_from_back(self, device: int) -> None:
        """As many layers as fit: all of a dense one, of a mixture all but the experts."""
        is_last = device == self.num_devices - 1
        layers = self.request.num_layers + 1 - sum(share.num_layers for share in self.shares[device + 1 :])
        if layers <= 0:
            return
        partial = (layers - 1 if is_last else layers) if self.request.has_experts else 0
        high = _with(self.shares, device, replace(self.shares[device], num_layers=layers, num_partial=partial))
        used_high = self.totals(high)
        if used_high[device] <= self.targets[device]:
            self.shares, self.used = high, used_high
            return
        delta = high[device].num_layers - self.shares[device].num_layers
        while delta > 1:
            step = _step(delta, self.targets[device], self.used[device], used_high[device])
            share = self.shares[device]
            added = 0
            if self.request.has_experts:
                added = step - 1 if is_last and not share.num_partial else step  # the head is never in part
            test = _with(
                self.shares,
                device,
                replace(share, num_layers=share.num_layers + step, num_partial=share.num_partial + added),
            )
            used = self.totals(test)
            if used[device] <= self.targets[device]:
                self.shares, self.used = test, used
            else:
                high, used_high = test, used
            delta = high[device].num_layers - self.shares[device].num_layers

    def _fill_with_experts(self) -> None:
        """Turn layers without experts at the back into whole ones in front, device by device."""
        start = self.num_devices
        for device in reversed(range(self.num_devices)):
            if not self.shares[device].num_layers:
                break
            start = device
        device = 0
        while device <= start < self.num_devices:
            start = self._convert(device, start)
            start = self._one_more_in_part(device, start)
            device += 1

    def _convert(self, device: int, start: int) -> int:
        high, high_start = list(self.shares), self.num_devices - 1
        for other in range(start, self.num_devices):
            moved = high[other].num_layers - (0 if other < self.num_devices - 1 else 1)
            high[device] = replace(high[device], num_layers=high[device].num_layers + moved)
            high[other] = replace(high[other], num_layers=high[other].num_layers - moved, num_partial=0)
        used_high = self.totals(high)
        if used_high[device] <= self.targets[device]:
            self.shares, self.used = high, used_high
            return high_start
        delta = high[device].num_full - self.shares[device].num_full
        while delta > 1:
            step = _step(delta, self.targets[device], self.used[device], used_high[device])
            test, test_start = self._converted(device, start, step)
            used = self.totals(test)
            if used[device] <= self.targets[device]:
                self.shares, self.used, start = test, used, test_start
            else:
                high, used_high, high_start = test, used, test_start
            delta = high[device].num_full - self.shares[device].num_full
        return start

    def _converted(self, device: int, start: int, count: int) -> tuple[list[DeviceShare], int]:
        test, done = list(self.shares), 0
        while start < self.num_devices:
            moved = min(count - done, test[start].num_partial)
            test[start] = replace(
                test[start], num_layers=test[start].num_layers - moved, num_partial=test[start].num_partial - moved
            )
            test[device] = replace(test[device], num_layers=test[device].num_layers + moved)
            done += moved
            if test[start].num_partial:
                break
            start += 1
        return test, start

    def _one_more_in_part(self, device: int, start: int) -> int:
        """Of the next layer attention and up projections, then also the gates; or else attention alone."""
        if start >= self.num_devices or self.shares[start].num_layers <= (0 if device < self.num_devices - 1 else 1):
            return start
        test = list(self.shares)
        test[start] = replace(
            test[start], num_layers=test[start].num_layers - 1, num_partial=test[start].num_partial - 1
        )
        share = test[device]
        share = replace(share, num_layers=share.num_layers + 1, num_partial=share.num_partial + 1)
        new_start = start if _with(test, device, share)[start].num_partial else start + 1
        to_next = device < self.num_devices - 1
        first: Overflow = "up"
        if self._try_part(device, test, replace(share, overflow=first, overflows_to_next=to_next)):
            self._try_part(device, test, replace(share, overflow="gate", overflows_to_next=to_next))
            return new_start
        if self._try_part(device, test, replace(share, overflow="attention", overflows_to_next=to_next)):
            return new_start
        return start

    def _try_part(self, device: int, shares: Sequence[DeviceShare], share: DeviceShare) -> bool:
        test = _with(shares, device, share)
        used = self.totals(test)
        next_fits = device + 1 == self.num_devices or used[device + 1] < self.targets[device + 1]
        if used[device] >= self.targets[device] or not next_fits:
            return False
        self.shares, self.used = test, used
        return True


def _with(shares: Sequence[DeviceShare], device: int, share: DeviceShare) -> list[DeviceShare]:
    return [*shares[:device], share, *shares[device + 1 :]]


def _step(delta: int, target: int, low: int, high: int) -> int:
    """How many layers to try; as there, a target below the lower bound wraps around and tries the most."""
    wanted = int(delta * (target - low) / (high - low)) % (1 << 32)
    return max(1, min(wanted, delta - 1))
