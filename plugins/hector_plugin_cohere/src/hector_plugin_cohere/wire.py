"""What requests, replies and errors of Cohere's API have in common."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from hector.message import JSONValue
from hector.spi import json_text

__all__ = ["PROVIDER", "Body", "ReportedError", "clean", "plain"]

PROVIDER = "cohere"
"""The provider's type name, and the key of what we keep in `provider_data`."""

Body: TypeAlias = dict[str, Any]
"""A JSON object of the wire, going or coming."""


class ReportedError(Exception):
    """A reply reports, instead of going on, that it failed.

    Attributes:
        reason: Cohere's word, such as `ERROR` or `TIMEOUT`.
        message: Cohere's sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message or "no reason given"
        super().__init__(self.message)


def clean(text: str) -> str:
    """The text as UTF-8 can hold it: half a surrogate pair becomes `?`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def plain(value: JSONValue) -> Any:
    """The value in dicts and lists, as the SDK writes it, and as UTF-8 can hold it."""
    return json.loads(json_text(value).encode(errors="replace"))
