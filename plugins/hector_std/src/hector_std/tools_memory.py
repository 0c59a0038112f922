"""The toolset `memory`: an agent looks up what was said in earlier sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import attrs

from hector.errors import HectorError, ToolError
from hector.message import JSONObject, JSONValue
from hector.spi import (
    BuildContext,
    Doc,
    Duration,
    Length,
    MemoryHit,
    Provider,
    Range,
    Tool,
    ToolContext,
    function_tool,
)

__all__ = ["PROVIDERS", "MemoryTools", "MemoryToolsSettings"]

MOST_RESULTS = 50


@attrs.frozen(kw_only=True)
class MemoryToolsSettings:
    """Keys of a toolset of type `memory`."""

    limit: Annotated[int, Doc("results when the model names no number"), Range(1, MOST_RESULTS)] = 5
    max_text: Annotated[
        int, Doc("most characters shown of what was said at once"), Range(100, 100_000)
    ] = 2000
    timeout: Annotated[
        float,
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
        Doc("how long one call may take"),
    ] = 20.0


class MemoryTools:
    """The one tool `search_memory`.

    It searches what the user of the running invocation and the agents said to each other, in any session of that user
    and app, and nothing else: whose memory it is does not come from the model. The answer is JSON: `query` and
    `results`, best first, each with `session`, `time` (ISO 8601, UTC), `author` and `text`.
    """

    def __init__(self, settings: MemoryToolsSettings) -> None:
        """Make the tool."""
        self._settings = settings
        self._tool: Tool = function_tool(
            self._search,
            name="search_memory",
            description=(
                "Search what the user and you, or other agents, said in earlier conversations and earlier in this "
                "one. Use it when the user refers to something that is not in sight. Ask with the words that were "
                "probably used."
            ),
            effect="pure",
            timeout_s=settings.timeout,
        )

    def tools(self) -> Sequence[Tool]:
        """See `Toolset`."""
        return (self._tool,)

    async def _search(
        self,
        query: Annotated[str, Doc("what to look for, in words"), Length(1)],
        context: ToolContext,
        limit: Annotated[int | None, Doc("most results"), Range(1, MOST_RESULTS)] = None,
    ) -> JSONObject:
        wanted = limit or self._settings.limit
        try:
            hits = await context.invocation.search_memory(query, limit=wanted)
        except HectorError as error:
            raise ToolError(f"the memory could not be searched: {error.message}") from error
        results: list[JSONValue] = [self._shown(hit) for hit in hits]
        return {"query": query, "results": results}

    def _shown(self, hit: MemoryHit) -> JSONObject:
        most = self._settings.max_text
        text = hit.text if len(hit.text) <= most else f"{hit.text[:most]}…"
        return {
            "session": hit.key.id,
            "time": _time(hit.timestamp),
            "author": hit.author,
            "text": text,
        }


def _time(timestamp: float) -> str | None:
    """None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None


def create(settings: MemoryToolsSettings, context: BuildContext) -> MemoryTools:  # noqa: ARG001  # part of the contract
    """Build the toolset."""
    return MemoryTools(settings)


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="toolset",
        type="memory",
        settings=MemoryToolsSettings,
        create=create,
        summary="search_memory: what was said in the user's sessions",
    ),
)
