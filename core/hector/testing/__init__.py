"""Laws and fakes for tests of plugins and of programs built on Hector.

Names are loaded when they are first used: the scripted LLM needs nothing but Hector, the suites
and strategies need `hector[testing]`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hector.testing.anthropic_wire import AnthropicWire
    from hector.testing.chunker_suite import ChunkerSuite, check_chunks, structured_texts
    from hector.testing.cohere_embedding_wire import CohereEmbeddingWire
    from hector.testing.cohere_wire import CohereWire
    from hector.testing.conversations import conversations
    from hector.testing.document_suite import DocumentParserSuite, DocumentSourceSuite
    from hector.testing.embedder_suite import EmbedderSuite
    from hector.testing.embedder_wire_suite import EmbedderWireSuite
    from hector.testing.gemini_embedding_wire import GeminiEmbeddingWire
    from hector.testing.gemini_wire import GeminiWire
    from hector.testing.llm_suite import LLMSuite
    from hector.testing.llm_wire_suite import LLMWireSuite
    from hector.testing.memory_suite import MemoryStoreSuite
    from hector.testing.ollama_embedding_wire import OllamaEmbeddingWire
    from hector.testing.ollama_wire import OllamaWire
    from hector.testing.openai_chat_wire import OpenAIChatWire
    from hector.testing.openai_embedding_wire import OpenAIEmbeddingWire
    from hector.testing.openai_responses_wire import OpenAIResponsesWire
    from hector.testing.opened import Opened
    from hector.testing.scripted import Reply, ScriptedLLM, ScriptedSettings, scripted_provider
    from hector.testing.session_suite import SessionsSuite
    from hector.testing.settings_mutations import Mutation, mutations
    from hector.testing.settings_strategies import settings_strategy
    from hector.testing.surroundings import Surroundings, open_component
    from hector.testing.task_suite import TasksSuite
    from hector.testing.toolset_suite import ToolsetSuite
    from hector.testing.vector_suite import VectorStoreSuite
    from hector.testing.wire_protocol import (
        EmbeddingWire,
        LLMWire,
        SeenRequest,
        SeenResult,
        SeenTool,
        WireFault,
        WireShapeError,
    )
    from hector.testing.wire_server import WireEnding, WireReply, WireRequest, WireServer

__all__ = [
    "AnthropicWire",
    "ChunkerSuite",
    "CohereEmbeddingWire",
    "CohereWire",
    "DocumentParserSuite",
    "DocumentSourceSuite",
    "EmbedderSuite",
    "EmbedderWireSuite",
    "EmbeddingWire",
    "GeminiEmbeddingWire",
    "GeminiWire",
    "LLMSuite",
    "LLMWire",
    "LLMWireSuite",
    "MemoryStoreSuite",
    "Mutation",
    "OllamaEmbeddingWire",
    "OllamaWire",
    "OpenAIChatWire",
    "OpenAIEmbeddingWire",
    "OpenAIResponsesWire",
    "Opened",
    "Reply",
    "ScriptedLLM",
    "ScriptedSettings",
    "SeenRequest",
    "SeenResult",
    "SeenTool",
    "SessionsSuite",
    "Surroundings",
    "TasksSuite",
    "ToolsetSuite",
    "VectorStoreSuite",
    "WireEnding",
    "WireFault",
    "WireReply",
    "WireRequest",
    "WireServer",
    "WireShapeError",
    "check_chunks",
    "conversations",
    "mutations",
    "open_component",
    "scripted_provider",
    "settings_strategy",
    "structured_texts",
]

_HOMES = {
    "AnthropicWire": "anthropic_wire",
    "ChunkerSuite": "chunker_suite",
    "CohereEmbeddingWire": "cohere_embedding_wire",
    "CohereWire": "cohere_wire",
    "DocumentParserSuite": "document_suite",
    "DocumentSourceSuite": "document_suite",
    "EmbedderSuite": "embedder_suite",
    "EmbedderWireSuite": "embedder_wire_suite",
    "EmbeddingWire": "wire_protocol",
    "GeminiEmbeddingWire": "gemini_embedding_wire",
    "GeminiWire": "gemini_wire",
    "LLMSuite": "llm_suite",
    "LLMWire": "wire_protocol",
    "LLMWireSuite": "llm_wire_suite",
    "MemoryStoreSuite": "memory_suite",
    "Mutation": "settings_mutations",
    "OllamaEmbeddingWire": "ollama_embedding_wire",
    "OllamaWire": "ollama_wire",
    "OpenAIChatWire": "openai_chat_wire",
    "OpenAIEmbeddingWire": "openai_embedding_wire",
    "OpenAIResponsesWire": "openai_responses_wire",
    "Opened": "opened",
    "Reply": "scripted",
    "ScriptedLLM": "scripted",
    "ScriptedSettings": "scripted",
    "SeenRequest": "wire_protocol",
    "SeenResult": "wire_protocol",
    "SeenTool": "wire_protocol",
    "SessionsSuite": "session_suite",
    "TasksSuite": "task_suite",
    "Surroundings": "surroundings",
    "ToolsetSuite": "toolset_suite",
    "VectorStoreSuite": "vector_suite",
    "WireEnding": "wire_server",
    "WireFault": "wire_protocol",
    "WireReply": "wire_server",
    "WireRequest": "wire_server",
    "WireServer": "wire_server",
    "WireShapeError": "wire_protocol",
    "check_chunks": "chunker_suite",
    "conversations": "conversations",
    "mutations": "settings_mutations",
    "open_component": "surroundings",
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
