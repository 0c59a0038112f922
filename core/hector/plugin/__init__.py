"""The plugin kernel: hookspecs, discovery, records and the registry of providers."""

from __future__ import annotations

from hector.plugin.hookspecs import hookimpl

__all__ = ["hookimpl"]
