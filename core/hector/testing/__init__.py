"""What authors of plugins test with."""

from __future__ import annotations

__all__: list[str] = []
