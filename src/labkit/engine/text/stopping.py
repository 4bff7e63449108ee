"""Stop strings: found across token borders, never sent, and nothing held back longer than needed."""


class StopMatcher:
    """Passes text on until one of `stops` appears. Modifies itself; one per sequence."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.found = ""
        """The stop text that was met; empty before."""

    @property
    def is_stopped(self) -> bool:
        """Whether a stop text was met."""
        return bool(self.found)

    def feed(self, text: str) -> str:
        """Text that can no longer be part of a stop string. Sets `found` when one is complete."""
        if not self._stops:
            return text
        self._held += text
        found = [(at, stop) for at, stop in ((self._held.find(stop), stop) for stop in self._stops) if at >= 0]
        if found:
            at, self.found = min(found)
            sent, self._held = self._held[:at], ""
            return sent
        keep = self._open_suffix_length()
        sent, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return sent

    def flush(self) -> str:
        """The rest, when generation ended for another reason."""
        rest, self._held = self._held, ""
        return rest

    def _open_suffix_length(self) -> int:
        longest = min(len(self._held), max(map(len, self._stops)) - 1)
        for length in range(longest, 0, -1):
            suffix = self._held[-length:]
            if any(stop.startswith(suffix) for stop in self._stops):
                return length
        return 0
