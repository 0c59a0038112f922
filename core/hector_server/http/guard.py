"""What stands before every request: the check of the `Host` header, and the access log."""

from __future__ import annotations

import ipaddress
import logging
import time
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hector_server.http.replies import text_reply
from hector_server.options import ServerOptions

__all__ = ["AccessLog", "HostCheck", "is_loopback"]

access = logging.getLogger("hector_server.access")


def is_loopback(host: str) -> bool:
    """Whether `host` is a loopback address or a name for one."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class HostCheck:
    """Refuses requests that name a foreign host.

    A page in a browser can point its own name at 127.0.0.1 and then talk to a server that listens
    there only (DNS rebinding). The `Host` header gives it away, so a server on a loopback address
    answers loopback names only.
    """

    def __init__(self, app: ASGIApp, *, bind: str, options: ServerOptions) -> None:
        self._app = app
        self._names = {name.lower() for name in options.allowed_hosts}
        public_host = urlsplit(options.public_url).hostname
        if public_host:
            self._names.add(public_host)
        self._is_local = is_loopback(bind)
        self._allows_all = "*" in self._names or not (self._is_local or options.allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] == "http" and not self._allows_all:
            host = _host_name(scope)
            if not (host in self._names or (self._is_local and is_loopback(host))):
                refusal = text_reply(
                    "This server is not called that. If it should be, set server.public_url.\n",
                    status=421,
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


class AccessLog:
    """Writes one line per request, when it is over: method, path, status, milliseconds.

    The query is left out because it may hold secrets. Probes are logged at debug level only.
    """

    def __init__(self, app: ASGIApp, *, quiet_paths: frozenset[str]) -> None:
        self._app = app
        self._quiet_paths = quiet_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        level = logging.DEBUG if scope.get("path") in self._quiet_paths else logging.INFO
        if scope["type"] != "http" or not access.isEnabledFor(level):
            await self._app(scope, receive, send)
            return
        begin, status = time.perf_counter(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            took_ms = (time.perf_counter() - begin) * 1000
            path = scope["path"].encode("unicode_escape").decode()
            access.log(level, "%s %s %s %.1f ms", scope["method"], path, status or "-", took_ms)


def _host_name(scope: Scope) -> str:
    """The `Host` header without its port, in lower case; empty when it is missing or doubled."""
    values = [value for name, value in scope["headers"] if name == b"host"]
    if len(values) != 1:
        return ""
    try:
        return (urlsplit(f"//{values[0].decode('latin-1')}").hostname or "").lower()
    except ValueError:
        return ""
