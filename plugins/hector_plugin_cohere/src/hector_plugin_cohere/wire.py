"""What requests, replies and errors of Cohere's API have in common."""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["PROVIDER", "Body", "ReportedError"]

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
