"""The keyword index on SQLite keeps the laws of every index."""

from __future__ import annotations

from hector_std.conformance import TestSqliteKeywords

__all__ = ["TestSqliteKeywords"]
