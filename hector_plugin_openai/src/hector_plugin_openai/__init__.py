"""OpenAI for Hector: chat models and embedders over the official SDK."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
