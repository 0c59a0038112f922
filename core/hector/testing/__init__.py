"""Laws and fakes for tests of plugins and of programs built on Hector.

Names are loaded when they are first used: the scripted LLM needs nothing but Hector, the suites
and strategies need `hector[testing]`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hector.testing.chunker_suite import ChunkerSuite, check_chunks, structured_texts
    from hector.testing.document_suite import DocumentParserSuite, DocumentSourceSuite
    from hector.testing.embedder_suite import EmbedderSuite
    from hector.testing.llm_suite import LLMSuite
    from hector.testing.memory_suite import MemoryStoreSuite
    from hector.testing.opened import Opened
    from hector.testing.scripted import Reply, ScriptedLLM, ScriptedSettings, scripted_provider
    from hector.testing.session_suite import SessionsSuite
    from hector.testing.settings_mutations import Mutation, mutations
    from hector.testing.settings_strategies import settings_strategy
    from hector.testing.task_suite import TasksSuite
    from hector.testing.toolset_suite import ToolsetSuite
    from hector.testing.vector_suite import VectorStoreSuite

__all__ = [
    "ChunkerSuite",
    "DocumentParserSuite",
    "DocumentSourceSuite",
    "EmbedderSuite",
    "LLMSuite",
    "MemoryStoreSuite",
    "Mutation",
    "Opened",
    "Reply",
    "ScriptedLLM",
    "ScriptedSettings",
    "SessionsSuite",
    "TasksSuite",
    "ToolsetSuite",
    "VectorStoreSuite",
    "check_chunks",
    "mutations",
    "scripted_provider",
    "settings_strategy",
    "structured_texts",
]

_HOMES = {
    "ChunkerSuite": "chunker_suite",
    "DocumentParserSuite": "document_suite",
    "DocumentSourceSuite": "document_suite",
    "EmbedderSuite": "embedder_suite",
    "LLMSuite": "llm_suite",
    "MemoryStoreSuite": "memory_suite",
    "Mutation": "settings_mutations",
    "Opened": "opened",
    "Reply": "scripted",
    "ScriptedLLM": "scripted",
    "ScriptedSettings": "scripted",
    "SessionsSuite": "session_suite",
    "TasksSuite": "task_suite",
    "ToolsetSuite": "toolset_suite",
    "VectorStoreSuite": "vector_suite",
    "check_chunks": "chunker_suite",
    "mutations": "settings_mutations",
    "scripted_provider": "scripted",
    "settings_strategy": "settings_strategies",
    "structured_texts": "chunker_suite",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'hector.testing' has no attribute {name!r}")
    try:
        value: object = getattr(import_module(f"hector.testing.{home}"), name)
    except ModuleNotFoundError as error:
        if error.name not in {"pytest", "hypothesis"}:
            raise
        raise ModuleNotFoundError(
            f"hector.testing.{name} needs {error.name}: pip install 'hector[testing]'",
            name=error.name,
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
