"""Names of parameters."""

from __future__ import annotations

from typing import Final

__all__ = ["NAME"]

NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
"""What a parameter may be called."""
