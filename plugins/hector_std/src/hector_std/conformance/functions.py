"""Functions that the toolset `function` offers under the laws."""

from __future__ import annotations

__all__ = ["add", "greet"]


def add(left: int, right: int) -> int:
    """Add two numbers."""
    return left + right


def greet(name: str, *, is_loud: bool = False) -> str:
    """Greet somebody."""
    return f"HELLO {name.upper()}" if is_loud else f"hello {name}"
