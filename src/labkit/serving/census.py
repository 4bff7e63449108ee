"""How many connections are open, in all and from each address. Pure."""

import ipaddress
from collections import Counter

_IPV6_PREFIX = 64  # one customer's network: its addresses are as many as it likes


class Census:
    """Counts connections. This machine's own clients share the whole; each other address has a bound of its own."""

    def __init__(self, most: int = 256, most_per_address: int = 32) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._num_open = 0
        self._by_address: Counter[str] = Counter()

    @property
    def is_flooded(self) -> bool:
        """Whether not even a refusal should be sent any more."""
        return self._num_open >= 2 * self._most

    def has_room(self, address: str) -> bool:
        """Whether a connection from there may ask for something."""
        group = _group(address)
        return self._num_open < self._most and (not group or self._by_address[group] < self._most_per_address)

    def enter(self, address: str) -> None:
        """One more; `leave` must follow."""
        self._num_open += 1
        self._by_address[_group(address)] += 1

    def leave(self, address: str) -> None:
        """One less."""
        self._num_open -= 1
        group = _group(address)
        self._by_address[group] -= 1
        if not self._by_address[group]:
            del self._by_address[group]


def _group(address: str) -> str:
    """What is counted together; "" for this machine."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False))
    return str(found)
