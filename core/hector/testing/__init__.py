"""Laws and fakes for tests of plugins and of programs built on Hector; needs `hector[testing]`."""

from __future__ import annotations

from hector.testing.embedder_suite import EmbedderSuite
from hector.testing.llm_suite import LLMSuite
from hector.testing.opened import Opened
from hector.testing.scripted import Reply, ScriptedLLM, ScriptedSettings, scripted_provider
from hector.testing.vector_suite import VectorStoreSuite

__all__ = [
    "EmbedderSuite",
    "LLMSuite",
    "Opened",
    "Reply",
    "ScriptedLLM",
    "ScriptedSettings",
    "VectorStoreSuite",
    "scripted_provider",
]
