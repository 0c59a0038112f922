"""What requests, replies and errors of the Gemini API have in common."""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = [
    "PROVIDER",
    "BlockedPromptError",
    "Body",
    "ReportedError",
]

PROVIDER = "gemini"
"""The provider's type name, and the key of what we keep in `provider_data`."""

Body: TypeAlias = dict[str, Any]
"""A JSON object of the wire, going or coming."""


class ReportedError(Exception):
    """A reply reports, instead of going on, that it failed.

    Attributes:
        error: Google's object: `code`, `status`, `message`, `details`.
    """

    def __init__(self, error: Body) -> None:
        self.error = error
        super().__init__(str(error.get("message") or "no reason given"))


class BlockedPromptError(Exception):
    """A reply says that there will be none, for what the prompt says.

    Attributes:
        reason: Google's word, such as `PROHIBITED_CONTENT`.
        message: Google's sentence, or empty.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(f"the prompt was blocked ({reason})" + (f": {message}" if message else ""))
