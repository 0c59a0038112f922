"""The standard agent types: llm, sequential, parallel and loop."""

from __future__ import annotations

from hector_std.agents.providers import PROVIDERS

__all__ = ["PROVIDERS"]
