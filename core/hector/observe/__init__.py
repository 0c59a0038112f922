"""What watches a runtime: spans and metrics."""

from __future__ import annotations

from hector.observe.service import open_observer

__all__ = ["open_observer"]
