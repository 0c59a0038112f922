"""The standard plugins: everything that needs no dependency beyond Hector's own."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
