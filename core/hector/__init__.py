"""Hector: a config-first runtime for AI agents on a small plugin kernel."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
