"""The laws of an LLM behind a network, on Anthropic's Messages API."""

from __future__ import annotations

from hector_plugin_anthropic.conformance import TestClaude, TestNewest, TestRedacted

__all__ = ["TestClaude", "TestNewest", "TestRedacted"]
