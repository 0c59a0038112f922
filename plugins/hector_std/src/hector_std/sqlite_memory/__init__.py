"""A keyword index over sessions in one SQLite file."""

from __future__ import annotations

from hector_std.sqlite_memory.store import SqliteKeywords

__all__ = ["SqliteKeywords"]
