"""The plugin kernel: hookspecs, discovery, records and the registry of providers."""

from __future__ import annotations

from hector.plugin.api import API_LEVEL
from hector.plugin.hookspecs import HookSpecs, hookimpl
from hector.plugin.records import PluginRecord, PluginState

__all__ = ["API_LEVEL", "HookSpecs", "PluginRecord", "PluginState", "hookimpl"]
