"""The listening socket: bound before a model is loaded, so that a port in use is known at once."""

import errno
import ipaddress
import socket
import sys

from labkit.errors import InputError, PortInUseError, RefusedError

BACKLOG = 512


def open_listener(host: str, port: int) -> socket.socket:
    """A socket that listens on a loopback address. Port 0 takes a free one.

    Raises RefusedError for other addresses, PortInUseError, InputError for an address that is none of ours.
    """
    address = loopback_address(host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)  # at once: two unlistening sockets may share an address
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _translated(error, host, port) from error
    return listener


def loopback_address(host: str) -> str:
    """The loopback address that `host` means. Raises RefusedError for every other one."""
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host.strip("[]")).is_loopback:
            return host.strip("[]")
    except ValueError:
        pass
    raise RefusedError(
        f"binding to {host} would open the endpoint to other machines, and API keys are not supported yet",
        hint="leave --host out, and reach it from elsewhere through a tunnel: ssh -L 8642:127.0.0.1:8642 HOST",
    )


def url_of(listener: socket.socket) -> str:
    """Where clients reach it, such as http://127.0.0.1:8642."""
    host, port = listener.getsockname()[:2]
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
