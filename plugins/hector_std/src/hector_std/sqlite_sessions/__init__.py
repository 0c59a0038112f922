"""Sessions in one SQLite file."""

from __future__ import annotations

from hector_std.sqlite_sessions.settings import PROVIDERS, SqliteSettings

__all__ = ["PROVIDERS", "SqliteSettings"]
