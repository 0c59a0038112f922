"""The laws that Hector states for every model, applied to this one: `hector plugins check greeting` runs them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hector.spi import LLM
from hector.testing import LLMSuite

from hector_plugin_greeting.llm import GreetingLLM
from hector_plugin_greeting.settings import GreetingSettings


class TestGreetingLLM(LLMSuite):
    """Runs every law of `hector.spi.LLM`."""

    tool_request = None  # it calls no tools, and refuses them

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[LLM]:
        """A fresh model for each law."""
        yield GreetingLLM(GreetingSettings())
