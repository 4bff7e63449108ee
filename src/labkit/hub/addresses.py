"""Which addresses a hub may send to. The parser is the client's own: two parsers that disagree are a way in."""

import ipaddress
import socket
import urllib.request
from typing import TYPE_CHECKING

from labkit.errors import RefusedError

if TYPE_CHECKING:
    import httpx2

Origin = tuple[str, str, int | None]


def require_allowed(url: str, hub: str) -> None:
    """Raise RefusedError for an address that a hub must not send anyone to.

    Encryption is not given up on the way, no name or password is taken from an address, and a public hub does not
    lead into this machine or its network. Resolves the host's name; with a proxy the proxy does. Blocks.
    """
    target, own = _parsed(url), _parsed(hub)
    if target is None or target.scheme not in ("http", "https") or not target.host:
        raise RefusedError(f"the hub sends to '{_bare(url)[:80]}', which is no web address", hint="check HF_ENDPOINT")
    if own is None or origin(target) == origin(own):
        return
    if target.userinfo:
        raise RefusedError(f"the hub sends to {target.host} with a name and a password", hint="check HF_ENDPOINT")
    if own.scheme == "https" and target.scheme != "https":
        raise RefusedError(f"the hub sends to {target.host} without encryption", hint="check HF_ENDPOINT")
    literal = _literal(target.host)
    leads_inside = (literal is not None and not literal.is_global) if uses_proxy(target) else is_inside(target.host)
    if leads_inside and not is_inside(own.host):
        raise _inside(target.host)


def require_peer(response: "httpx2.Response", hub: str) -> None:
    """Raise RefusedError when a connection was made to an address inside: a name may resolve to another one later."""
    own = _parsed(hub)
    stream = response.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream is not None else None
    if own is None or not peer or uses_proxy(response.request.url) or origin(response.request.url) == origin(own):
        return
    address = _literal(str(peer[0]))
    if address is not None and not address.is_global and not is_inside(own.host):
        raise _inside(response.request.url.host)


def is_inside(host: str) -> bool:
    """Whether any address of `host` is this machine's or a private network's. False when it does not resolve."""
    try:
        found = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    addresses = (_literal(str(entry[4][0])) for entry in found)
    return any(address is not None and not address.is_global for address in addresses)


def origin(url: "httpx2.URL") -> Origin:
    """Scheme, host and port: what must be equal for a token to go along."""
    return url.scheme, url.host.casefold(), url.port or {"http": 80, "https": 443}.get(url.scheme)


def uses_proxy(url: "httpx2.URL") -> bool:
    """Whether the environment sends requests to `url` through a proxy, which then resolves its name."""
    proxies = urllib.request.getproxies()
    return bool(proxies.get(url.scheme) or proxies.get("all")) and not urllib.request.proxy_bypass(url.host)


def without_password(url: str) -> str:
    """`url` as it may be shown."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"


def _parsed(url: str) -> "httpx2.URL | None":
    import httpx2

    try:
        return httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        return None


def _bare(url: str) -> str:
    return without_password(url).partition("?")[0]  # signatures stand behind it


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    # ::ffff:10.0.0.1 is 10.0.0.1
    return getattr(address, "ipv4_mapped", None) or address


def _inside(host: str) -> RefusedError:
    return RefusedError(f"the hub sends to {host}, which is inside this network", hint="check HF_ENDPOINT and the DNS")
