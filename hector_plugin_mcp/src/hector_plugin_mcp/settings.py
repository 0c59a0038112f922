"""The keys of a toolset of type `mcp`. Light: importing this imports no SDK."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

import attrs

from hector.spi import Doc, Duration, Length, Pattern, Range, Secret

__all__ = ["MCPSettings", "TellableEffect"]

TellableEffect: TypeAlias = Literal["pure", "idempotent", "unsafe"]
"""A `ToolEffect` that a tool of an MCP server can have: the protocol has no way to look a call up."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


@attrs.frozen(kw_only=True)
class MCPSettings:
    """How to reach one MCP server and what to take from it.

    Exactly one of `command` and `url` is given: `command` starts the server as a child process and
    talks over its standard streams, `url` talks streamable HTTP.

    Raises:
        ValueError: keys that do not go together; the text names them.
    """

    transport: Annotated[
        Literal["stdio", "streamable-http"] | None,
        Doc("how to talk to it; when omitted, `command` means stdio and `url` streamable-http"),
    ] = None
    command: Annotated[
        str | None,
        Doc("program to start: a name on PATH, or a path, relative to the config's folder"),
        Length(minimum=1),
    ] = None
    args: Annotated[tuple[str, ...], Doc("arguments of the command")] = ()
    env: Annotated[
        Mapping[str, Secret],
        Doc("environment of the command; of Hector's own it gets PATH, HOME and a few more"),
    ] = attrs.field(factory=dict[str, Secret])
    working_directory: Annotated[
        Path | None, Doc("folder the command runs in; the config's folder when omitted")
    ] = None
    url: Annotated[str | None, Doc("address of the server, http or https")] = None
    headers: Annotated[
        Mapping[str, Secret], Doc("HTTP headers of every request, such as Authorization")
    ] = attrs.field(factory=dict[str, Secret])
    filter: Annotated[
        tuple[str, ...] | None,
        Doc("names, as the server calls them, of the tools to take; all when omitted"),
    ] = None
    prefix: Annotated[
        str,
        Doc("put before every tool's name, to tell apart servers that use the same names"),
        Pattern(r"[a-zA-Z0-9_-]*"),
        Length(maximum=32),
    ] = ""
    trust_hints: Annotated[
        bool,
        Doc(
            "believe what the server says of its tools' effects; else a cut-off call needs a person"
        ),
    ] = False
    effects: Annotated[
        Mapping[str, TellableEffect],
        Doc("what tools do when called twice, by the server's names; wins over the server's hints"),
    ] = attrs.field(factory=dict[str, TellableEffect])
    timeout: Annotated[
        float, Doc("time one call may take"), Duration(), Range(0, is_minimum_exclusive=True)
    ] = 60.0
    connect_timeout: Annotated[
        float,
        Doc("time to connect and list the tools; then Hector goes on without, and tries again"),
        Duration(),
        Range(0, is_minimum_exclusive=True),
    ] = 20.0
    max_output_length: Annotated[
        int,
        Doc("characters of text that one call may give to the model; the rest is cut"),
        Range(1),
    ] = 100_000

    def __attrs_post_init__(self) -> None:
        """Refuse keys that contradict each other."""
        if (self.command is None) == (self.url is None):
            raise ValueError("give either `command` (to start a server) or `url` (to reach one)")
        if self.command is not None:
            self._refuse("command", "streamable-http", {"headers": bool(self.headers)})
        else:
            given = {
                "args": bool(self.args),
                "env": bool(self.env),
                "working_directory": self.working_directory is not None,
            }
            self._refuse("url", "stdio", given)
            self._check_url()
            self._check_headers()

    def _refuse(self, key: str, other_transport: str, others: Mapping[str, bool]) -> None:
        """Raise if the transport or a key that would have no effect contradicts `key`."""
        if self.transport == other_transport:
            raise ValueError(f"`transport: {other_transport}` does not go with `{key}`")
        for name, is_given in others.items():
            if is_given:
                raise ValueError(f"`{name}` has no effect with `{key}`")

    def _check_url(self) -> None:
        """Raise unless `url` is an absolute http or https address."""
        parts = urlsplit(self.url or "")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                "`url` must be an http or https address, such as https://example.com/mcp"
            )
        if parts.username is not None or parts.password is not None:
            raise ValueError("`url` must not hold a user or password; use `headers`")

    def _check_headers(self) -> None:
        """Raise unless every header can be sent; its value does not show."""
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"`headers` holds {name!r}, which is no name of a header")
            if not _HEADER_VALUE.fullmatch(value.reveal()):
                raise ValueError(
                    f"`headers.{name}` holds a line break or another character headers cannot carry"
                )
