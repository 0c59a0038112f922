"""The HTTP face of Hector: an application on the kernel's public API."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
