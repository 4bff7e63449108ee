"""Lanes of the native context (llama.cpp's sequence ids)."""


class Slots:
    """Hands out slot numbers 0 .. count-1, lowest first."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = list(range(count - 1, -1, -1))

    @property
    def num_free(self) -> int:
        """Slots nobody holds."""
        return len(self._free)

    def acquire(self) -> int:
        """A free slot. Raises IndexError when there is none: ask `num_free` first."""
        return self._free.pop()

    def release(self, slot: int) -> None:
        """Give `slot` back. Raises ValueError when it is not held."""
        if slot in self._free or not 0 <= slot < self.count:
            raise ValueError(f"slot {slot} is not held")
        self._free.append(slot)
        self._free.sort(reverse=True)
