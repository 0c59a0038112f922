"""Qdrant for Hector: vector stores, embedded in the process or on a server."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
