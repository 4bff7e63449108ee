"""Addresses that try keys that are none: after ten in a minute their answers are late. Pure."""

from collections import OrderedDict

from labkit.access.windows import SlidingWindow

FREE_PER_MINUTE = 10
DELAY_SECONDS = 2.0
MAX_ADDRESSES = 1024


class FailureLog:
    """How often each address failed. Remembers the last 1024 of them."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, SlidingWindow] = OrderedDict()

    def delay_after_failure(self, address: str, now: float) -> float:
        """Count a failure; returns for how many seconds its answer is to be held back."""
        window = self._windows.setdefault(address, SlidingWindow(60.0))
        self._windows.move_to_end(address)
        if len(self._windows) > MAX_ADDRESSES:
            self._windows.popitem(last=False)
        window.add(1, now)
        return DELAY_SECONDS if window.total(now) > FREE_PER_MINUTE else 0.0
