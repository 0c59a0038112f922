"""The laws that Hector states for every model, applied to this one."""

from __future__ import annotations

from hector_plugin_greeting.conformance import TestGreetingLLM

__all__ = ["TestGreetingLLM"]
