"""The root of the tree, and the two errors of using an API."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["HectorError", "UnsupportedError", "UsageError"]


class HectorError(Exception):
    """The root of the tree.

    Attributes:
        code: stable identifier such as `H301`; the same for every instance of a class.
        message: what happened and where, without the code.
        hint: what to do next, or None.
    """

    code: ClassVar[str] = "H000"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The code, the message and, on a line of its own, the hint."""
        text = f"[{self.code}] {self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class UsageError(HectorError, ValueError):
    """A caller broke the contract of an API."""

    code = "H001"


class UnsupportedError(HectorError):
    """A component was asked for something it does not claim to do."""

    code = "H002"
