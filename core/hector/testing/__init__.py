"""Laws and fakes for tests of plugins and of programs built on Hector; needs `hector[testing]`."""

from __future__ import annotations

from hector.testing.chunker_suite import ChunkerSuite, check_chunks, structured_texts
from hector.testing.embedder_suite import EmbedderSuite
from hector.testing.llm_suite import LLMSuite
from hector.testing.opened import Opened
from hector.testing.scripted import Reply, ScriptedLLM, ScriptedSettings, scripted_provider
from hector.testing.session_suite import SessionsSuite
from hector.testing.vector_suite import VectorStoreSuite

__all__ = [
    "ChunkerSuite",
    "EmbedderSuite",
    "LLMSuite",
    "Opened",
    "Reply",
    "ScriptedLLM",
    "ScriptedSettings",
    "SessionsSuite",
    "VectorStoreSuite",
    "check_chunks",
    "scripted_provider",
    "structured_texts",
]
