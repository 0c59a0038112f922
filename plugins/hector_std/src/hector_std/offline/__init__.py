"""The LLM that needs no model, and the choice of a real one where there is one."""

from __future__ import annotations

from hector_std.offline.provider import PROVIDERS, AutoSettings, OfflineSettings

__all__ = ["PROVIDERS", "AutoSettings", "OfflineSettings"]
