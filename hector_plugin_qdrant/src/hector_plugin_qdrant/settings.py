"""What users may write under `vector_stores.<name>` with `type: qdrant`."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

import attrs

from hector.spi import Doc, Duration, Env, Length, Pattern, Range, Secret

__all__ = ["QdrantSettings", "exclusive"]


@attrs.frozen(kw_only=True)
class QdrantSettings:
    """A store in a folder (`path`), or on a server (`url`, or `host` with `port`)."""

    path: Annotated[Path | None, Doc("folder of the embedded engine; made if absent")] = None
    url: Annotated[
        str | None,
        Doc("address of a server's REST API, such as https://qdrant.example:6333"),
        Pattern(r"https?://[^\s/@?#]+(/[^\s?#]*)?"),
    ] = None
    host: Annotated[
        str | None,
        Doc("name or IP address of a server, without scheme and port"),
        Pattern(r"[^\s/:@?#]+|\[[0-9A-Fa-f:.]+\]"),
    ] = None
    port: Annotated[int | None, Doc("port of the REST API at host; 6333"), Range(1, 65535)] = None
    enable_tls: Annotated[
        bool | None,
        Doc("encrypt the way to host; default: yes if there is an API key and host is elsewhere"),
    ] = None
    prefer_grpc: Annotated[bool, Doc("use gRPC where the server offers it")] = False
    grpc_port: Annotated[int | None, Doc("port of the gRPC API; 6334"), Range(1, 65535)] = None
    api_key: Annotated[
        Secret | None, Doc("the server's API key"), Env("QDRANT_API_KEY"), Length(minimum=1)
    ] = None
    timeout: Annotated[
        float | None,
        Doc("longest time a call to the server may take; 30s"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = None
    exact: Annotated[
        bool, Doc("let the server compare every vector instead of using its HNSW index")
    ] = False

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong, and keys that would have no effect."""
        places = [key for key in ("path", "url", "host") if getattr(self, key) is not None]
        if not places:
            raise ValueError(
                "one of path (embedded), url or host (server) is missing: say where the store is"
            )
        if len(places) > 1:
            raise ValueError(f"{' and '.join(places)} exclude each other: give one of them")
        # The API key is left out: the environment may hold one that is meant for another store.
        if self.path is not None:
            self._refuse(
                "path", "port", "enable_tls", "prefer_grpc", "grpc_port", "timeout", "exact"
            )
        if self.url is not None:
            self._refuse("url", "port", "enable_tls")
        if self.grpc_port is not None and not self.prefer_grpc:
            raise ValueError("grpc_port has no effect without `prefer_grpc: true`")

    def _refuse(self, place: str, *keys: str) -> None:
        for key in keys:
            if getattr(self, key) not in (None, False):
                raise ValueError(f"{key} has no effect beside {place}: leave it out")

    @property
    def server(self) -> str:
        """Address of the server's REST API; empty for the embedded engine."""
        if self.url is not None:
            return self.url
        if self.host is None:
            return ""
        is_encrypted = self.enable_tls
        if is_encrypted is None:
            is_encrypted = bool(self.api_key) and not _is_this_machine(self.host)
        return f"{'https' if is_encrypted else 'http'}://{self.host}:{self.port or 6333}"

    @property
    def timeout_s(self) -> float:
        """The timeout in force, in seconds."""
        return 30.0 if self.timeout is None else self.timeout


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def exclusive(settings: QdrantSettings) -> tuple[str, ...]:
    """The embedded engine locks its folder; a server takes as many as come."""
    return () if settings.path is None else (f"file:{settings.path.resolve()}",)
