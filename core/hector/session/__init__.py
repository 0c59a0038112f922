"""Sessions that live in the process's memory, and sessions as JSON Lines."""

from __future__ import annotations

from hector.session.export import export_session
from hector.session.exported import ExportedSession, read_export
from hector.session.in_memory import InMemorySessions

__all__ = ["ExportedSession", "InMemorySessions", "export_session", "read_export"]
