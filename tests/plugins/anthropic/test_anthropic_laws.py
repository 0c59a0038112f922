"""The laws of an LLM behind a network, on Anthropic's Messages API."""

from __future__ import annotations

from hector_plugin_anthropic.conformance import (
    TestAnthropicProvider,
    TestClaude,
    TestNewest,
    TestRedacted,
)

__all__ = [
    "TestAnthropicProvider",
    "TestClaude",
    "TestNewest",
    "TestRedacted",
]
