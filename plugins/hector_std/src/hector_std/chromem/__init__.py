"""The embedded vector store: exact cosine search over SQLite."""

from __future__ import annotations

from hector_std.chromem.provider import PROVIDERS, ChromemSettings

__all__ = ["PROVIDERS", "ChromemSettings"]
