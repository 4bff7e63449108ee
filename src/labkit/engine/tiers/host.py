"""The second tier: states in the memory of the process, least recently used first out."""

from collections import OrderedDict


class HostTier:
    """States by key, within a budget of bytes. The loop alone calls it."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.used_bytes = 0
        self._states: OrderedDict[str, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, key: str) -> bool:
        return key in self._states

    def items(self) -> list[tuple[str, bytes]]:
        """Keys and states, least recently used first; nothing becomes more recently used."""
        return list(self._states.items())

    def put(self, key: str, state: bytes) -> list[tuple[str, bytes]]:
        """Keep a state; returns what had to leave for it, perhaps the state itself when it is over the budget."""
        self.remove(key)
        if len(state) > self.budget_bytes:
            return [(key, state)]
        evicted = []
        while self.used_bytes + len(state) > self.budget_bytes:
            old_key, old_state = self._states.popitem(last=False)
            self.used_bytes -= len(old_state)
            evicted.append((old_key, old_state))
        self._states[key] = state
        self.used_bytes += len(state)
        return evicted

    def get(self, key: str) -> bytes | None:
        """A state, which becomes the most recently used; None when it is not here."""
        state = self._states.get(key)
        if state is not None:
            self._states.move_to_end(key)
        return state

    def remove(self, key: str) -> None:
        """Drop a state; harmless when it is not here."""
        state = self._states.pop(key, None)
        if state is not None:
            self.used_bytes -= len(state)
