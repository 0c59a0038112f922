"""The socket a server listens on, taken before anything heavy is loaded."""

from __future__ import annotations

import errno
import socket

from hector.errors import ServerError

__all__ = ["open_listener", "url_of"]


def open_listener(bind: str, port: int) -> socket.socket:
    """Listen on a TCP socket; clients that come before the server does wait.

    Whoever opens it closes it.

    Args:
        bind: an IPv4 or IPv6 address or a host name.
        port: 0 takes a free one.

    Raises:
        ServerError: the address is in use, not of this machine, or not permitted.
    """
    if not 0 <= port <= 65535:
        raise ServerError(
            f"`{bind}` with port {port} is no address to listen on",
            hint="choose a port from 1 to 65535 with --port, or 0 for a free one",
        )
    try:
        found = socket.getaddrinfo(
            bind or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise ServerError(
            f"`{bind}` with port {port} is no address to listen on: {error}",
            hint="set server.host, or pass --host, such as --host 127.0.0.1",
        ) from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and bind == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(2048)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _listen_error(bind, port, error) from error
    return listener


def url_of(listener: socket.socket, bind: str) -> str:
    """Where clients on this machine reach the listener."""
    port = listener.getsockname()[1]
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bind, bind)  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"


def _listen_error(bind: str, port: int, error: OSError) -> ServerError:
    where = f"{bind or '*'}:{port}"
    match error.errno:
        case errno.EADDRINUSE:
            return ServerError(
                f"{where} is in use by another program",
                hint="stop it, or choose another port with --port (0 takes a free one)",
            )
        case errno.EACCES:
            return ServerError(
                f"{where} may not be used: permission denied",
                hint="choose a port above 1023 with --port",
            )
        case errno.EADDRNOTAVAIL:
            return ServerError(
                f"{where} is not an address of this machine",
                hint="pass --host 127.0.0.1, or --host 0.0.0.0 for all addresses",
            )
        case _:
            return ServerError(f"{where} cannot be listened on: {error}")
