"""What happened to each request of a soak: nothing may be lost, crossed, hung, or fail with a 5xx."""

import re
from collections import Counter
from dataclasses import dataclass, field

NONCE = re.compile(r"N[0-9a-f]{24}N")
_SHOWN = 10


@dataclass(slots=True)
class Book:
    """Counts by kind of client and outcome, and the first faults in words. Modified by all clients, in one thread.

    A fault is anything that must never happen; what a hostile client is refused for is no fault.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)
    running: dict[str, float] = field(default_factory=dict)

    def note(self, kind: str, outcome: str) -> None:
        """One request of `kind` ended as it may."""
        self.outcomes[kind, outcome] += 1

    def fault(self, kind: str, what: str, detail: str = "") -> None:
        """One request of `kind` ended as it must not."""
        self.outcomes[kind, what] += 1
        self.faults[what] += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(f"{kind}: {what}: {detail[:300]}")

    def check_echo(self, kind: str, nonce: str, text: str) -> bool:
        """Whether an answer speaks of its own request alone. Faults: crossed, doubled."""
        found = NONCE.findall(text)
        if any(one != nonce for one in found):
            self.fault(kind, "crossed", f"asked {nonce}, got {found}")
        elif found.count(nonce) > 1:
            self.fault(kind, "doubled", text)
        else:
            return True
        return False

    @property
    def num_requests(self) -> int:
        """Requests that ended."""
        return sum(self.outcomes.values())
