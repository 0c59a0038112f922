"""What travels: JSON text, JSON-RPC requests and replies, errors, parts."""

from __future__ import annotations

__all__: list[str] = []
