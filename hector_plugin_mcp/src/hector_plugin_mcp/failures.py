"""Saying in a line why a connection failed."""

from __future__ import annotations

from typing import cast

import httpx2
from mcp import MCPError
from mcp_types import CONNECTION_CLOSED
from pydantic import ValidationError

from hector_plugin_mcp.transport import Exchange

__all__ = ["http_reason", "reason", "shortened"]

_MAX_LENGTH = 500


def reason(error: BaseException, exchange: Exchange) -> str:
    """Why connecting or staying connected failed, for a log line.

    Args:
        error: what was raised; of a group, the first error that is no group counts.
        exchange: what HTTP said last.
    """
    match _first(error):
        case MCPError() if (said := http_reason(exchange)) is not None:
            text = said
        case MCPError(code=code) if code == CONNECTION_CLOSED:
            text = "it closed the connection"
        case MCPError() as error:
            text = f"it answered with error {error.code}: {error.message}"
        case ValidationError() as error:
            text = f"it broke the protocol: {error.error_count()} invalid values in {error.title}"
        case httpx2.ConnectError() as error:
            text = f"it could not be reached: {error}"
        case TimeoutError() as error:
            text = str(error) or "it did not answer in time"
        case error:
            text = f"{type(error).__name__}: {error}"
    return shortened(text)


def shortened(text: str) -> str:
    """At most 500 characters of what a server said about a failure."""
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"


def _first(error: BaseException) -> BaseException:
    """The first error that is no group."""
    if isinstance(error, BaseExceptionGroup):
        return _first(cast("BaseExceptionGroup[BaseException]", error).exceptions[0])
    return error


def http_reason(exchange: Exchange) -> str | None:
    """What an HTTP status says about a failed request, or None if it says nothing."""
    match exchange.status:
        case 401 | 403:
            return f"it refused the credentials (HTTP {exchange.status}); see `headers`"
        case 404 if not exchange.had_session:
            return "there is no MCP server at this address (HTTP 404); see `url`"
        case int(status) if 300 <= status < 400:
            return f"it redirects elsewhere (HTTP {status}), which is not followed; see `url`"
        case int(status) if status >= 500:
            return f"it failed (HTTP {status})"
        case _:
            return None
