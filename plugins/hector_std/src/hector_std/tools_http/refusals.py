"""What is wrong about a whole tool, and about a whole toolset.

Apart from the settings, so that a command which reads a config without HTTP tools does not import it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hector.spi import SettingsProblem
from hector_std.tools_http.checks import (
    address_problems,
    body_problems,
    header_problems,
    lookup_problems,
    network_problems,
    parameter_problems,
    path_problems,
    query_problems,
    unused_problems,
)
from hector_std.tools_http.settings import HttpToolSettings, HttpToolsSettings

__all__ = ["tool_problems", "toolset_problems"]


def tool_problems(tool: HttpToolSettings) -> Sequence[SettingsProblem]:
    """What of a tool cannot be sent."""
    return [
        *parameter_problems(tool.parameters, tool.optional),
        *path_problems("path", tool.path, tool.parameters, tool.optional_names),
        *lookup_problems(tool.lookup, tool.parameters, tool.optional_names, tool.effect),
        *header_problems(tool.headers, tool.parameters),
        *body_problems(tool.body, tool.parameters, tool.method),
        *unused_problems(tool.path, tool.body, tool.parameters, sends_rest=tool.sends_rest),
    ]


def toolset_problems(toolset: HttpToolsSettings) -> Sequence[SettingsProblem]:
    """What of a toolset cannot be asked."""
    names = {name for tool in toolset.tools.values() for name in tool.parameters}
    return [
        *network_problems(toolset.allowed_networks),
        *address_problems(toolset.base_url, toolset.allowed_networks),
        *header_problems(toolset.headers, names),
        *query_problems(toolset.query),
        *_clashes(toolset),
    ]


def _clashes(toolset: HttpToolsSettings) -> Iterator[SettingsProblem]:
    """Headers that the idempotency key would have to share."""
    own = toolset.idempotency_header.lower()
    places = {(): toolset.headers} | {
        ("tools", name): tool.headers for name, tool in toolset.tools.items()
    }
    for place, headers in places.items():
        for header in headers:
            if header.lower() == own:
                yield SettingsProblem(
                    (*place, "headers", header), "is the header of the idempotency key"
                )
