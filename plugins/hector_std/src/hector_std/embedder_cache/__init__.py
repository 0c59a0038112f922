"""Vectors kept on disk: an embedder around another one."""

from __future__ import annotations

from hector_std.embedder_cache.provider import PROVIDERS

__all__ = ["PROVIDERS"]
