"""The JSON value type that parts, tool arguments and state are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["JSONObject", "JSONValue"]

JSONValue: TypeAlias = (
    bool | int | float | str | Sequence["JSONValue"] | Mapping[str, "JSONValue"] | None
)
"""Anything `json.dumps` takes without a default. Treat it as read-only."""

JSONObject: TypeAlias = Mapping[str, JSONValue]
"""A JSON object. Treat it as read-only."""
