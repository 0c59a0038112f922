"""The toolset of HTTP services; their settings are imported when a config names them."""

from __future__ import annotations

from hector.spi import Provider

__all__ = ["PROVIDERS"]

PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="toolset",
        type="http",
        settings="hector_std.tools_http.settings:HttpToolsSettings",
        create="hector_std.tools_http.toolset:open_http_tools",
        summary="requests to one HTTP service, each of them a tool with parameters",
    ),
)
