"""The memory index over sessions: it follows their feed, and finds what was said."""

from __future__ import annotations

from hector.memory.in_memory import InMemoryKeywords
from hector.memory.index import SessionMemory
from hector.memory.vectors import VectorMemory

__all__ = ["InMemoryKeywords", "SessionMemory", "VectorMemory"]
