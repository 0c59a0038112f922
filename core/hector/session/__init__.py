"""Sessions that live in the process's memory."""

from __future__ import annotations

from hector.session.in_memory import InMemorySessions

__all__ = ["InMemorySessions"]
