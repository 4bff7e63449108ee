"""The listening socket: bound before a model is loaded, so that a port in use is known at once."""

import errno
import ipaddress
import socket
import sys

from labkit.errors import InputError, PortInUseError, RefusedError
from labkit.units import KIB

BACKLOG = 512
SEND_BUFFER_BYTES = 128 * KIB
_ANY: dict[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def open_listener(host: str, port: int) -> socket.socket:
    """A socket that listens on an address of this machine. Port 0 takes a free one.

    Whether other machines may reach it is the caller's to decide. Raises PortInUseError, InputError for what is no
    address of ours.
    """
    address = address_of(host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # every address, on every system
        # Inherited by connections: what a client does not read waits in its server, not in the kernel's megabytes.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.bind((address, port))
        listener.listen(BACKLOG)  # at once: two unlistening sockets may share an address
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _translated(error, host, port) from error
    return listener


def address_of(host: str) -> str:
    """The address that `host` means. Raises InputError for what is none."""
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        hint = "give an address, as 127.0.0.1, or 0.0.0.0 for all of this machine's; names go into --host-name"
        raise InputError(f"'{host}' is not an address", hint=hint) from None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it. Raises InputError for what is no address."""
    return ipaddress.ip_address(address_of(host)).is_loopback


def url_of(listener: socket.socket) -> str:
    """Where clients of this machine reach it, such as http://127.0.0.1:8642."""
    address, port = listener.getsockname()[:2]
    host = _ANY.get(address) or address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _translated(error: OSError, host: str, port: int) -> InputError | PortInUseError | RefusedError:
    if error.errno == errno.EADDRINUSE:
        return PortInUseError(
            f"port {port} on {host} is in use by another program",
            hint=f"choose another: --port {8643 if port == 65535 else port + 1}, or any free one with --port 0",
        )
    if error.errno == errno.EACCES:
        return RefusedError(f"port {port} needs administrator rights", hint="choose a port above 1023: --port 8642")
    return InputError(f"cannot listen on {host}:{port}: {error.strerror or error}", hint="leave --host out")
