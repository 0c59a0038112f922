"""Laws and fakes for tests of plugins and of programs built on Hector; needs `hector[testing]`."""

from __future__ import annotations

from hector.testing.chunker_suite import ChunkerSuite, check_chunks, structured_texts
from hector.testing.document_suite import DocumentParserSuite, DocumentSourceSuite
from hector.testing.embedder_suite import EmbedderSuite
from hector.testing.llm_suite import LLMSuite
from hector.testing.opened import SLOW_IS_FINE, Opened
from hector.testing.scripted import Reply, ScriptedLLM, ScriptedSettings, scripted_provider
from hector.testing.session_suite import SessionsSuite
from hector.testing.toolset_suite import ToolsetSuite
from hector.testing.vector_suite import VectorStoreSuite

__all__ = [
    "SLOW_IS_FINE",
    "ChunkerSuite",
    "DocumentParserSuite",
    "DocumentSourceSuite",
    "EmbedderSuite",
    "LLMSuite",
    "Opened",
    "Reply",
    "ScriptedLLM",
    "ScriptedSettings",
    "SessionsSuite",
    "ToolsetSuite",
    "VectorStoreSuite",
    "check_chunks",
    "scripted_provider",
    "structured_texts",
]
