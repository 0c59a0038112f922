"""Laws and fakes for tests of plugins and of programs built on Hector.

Names are loaded when they are first used: the scripted LLM needs nothing but Hector, the suites
and strategies need `hector[testing]`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hector.session import InMemorySessions
    from hector.testing.agent_parts import AgentParts, PlannedLLM, SteppingAgent
    from hector.testing.agent_suite import AgentSuite
    from hector.testing.anthropic_wire import AnthropicWire
    from hector.testing.chunker_suite import ChunkerSuite, check_chunks, structured_texts
    from hector.testing.cohere_embedding_wire import CohereEmbeddingWire
    from hector.testing.cohere_wire import CohereWire
    from hector.testing.conversation_strategies import conversations
    from hector.testing.document_suite import DocumentParserSuite, DocumentSourceSuite
    from hector.testing.embedder_suite import EmbedderSuite
    from hector.testing.embedder_wire_suite import EmbedderWireSuite
    from hector.testing.fake_clock import FakeClock
    from hector.testing.fakes import AnsweringAgent, FakeDocumentStore, HashEmbedder
    from hector.testing.gemini_embedding_wire import GeminiEmbeddingWire
    from hector.testing.gemini_wire import GeminiWire
    from hector.testing.in_memory_vectors import InMemoryVectors
    from hector.testing.laws import Law, all_laws, law, unsupported
    from hector.testing.leftovers import nothing_left
    from hector.testing.llm_suite import LLMSuite
    from hector.testing.llm_wire_suite import LLMWireSuite
    from hector.testing.memory_suite import MemoryStoreSuite
    from hector.testing.nobody import KEYS_TO_NOBODY, NOBODY
    from hector.testing.ollama_embedding_wire import OllamaEmbeddingWire
    from hector.testing.ollama_wire import OllamaWire
    from hector.testing.openai_chat_wire import OpenAIChatWire
    from hector.testing.openai_embedding_wire import OpenAIEmbeddingWire
    from hector.testing.openai_responses_wire import OpenAIResponsesWire
    from hector.testing.opened import Opened
    from hector.testing.provider_config import DOCUMENTS, config_of
    from hector.testing.provider_laws import SettingsKeys
    from hector.testing.provider_suite import ProviderSuite
    from hector.testing.recording_tool import RecordedCall, RecordingTool, RecordingToolset
    from hector.testing.scripted import Reply, ScriptedLLM, ScriptedSettings, scripted_provider
    from hector.testing.session_suite import SessionsSuite
    from hector.testing.settings_mutations import Mutation, mutations
    from hector.testing.settings_strategies import settings_strategy
    from hector.testing.surroundings import Surroundings, open_component, open_in
    from hector.testing.task_suite import TasksSuite
    from hector.testing.tool_surroundings import tool_context
    from hector.testing.toolset_suite import ToolsetSuite
    from hector.testing.vector_suite import VectorStoreSuite
    from hector.testing.wire_protocol import (
        EmbeddingWire,
        LLMWire,
        SeenRequest,
        SeenResult,
        SeenTool,
        TokenCountingWire,
        WireFault,
        WireShapeError,
    )
    from hector.testing.wire_server import WireEnding, WireReply, WireRequest, WireServer

__all__ = [
    "DOCUMENTS",
    "KEYS_TO_NOBODY",
    "NOBODY",
    "AgentParts",
    "AgentSuite",
    "AnsweringAgent",
    "AnthropicWire",
    "ChunkerSuite",
    "CohereEmbeddingWire",
    "CohereWire",
    "DocumentParserSuite",
    "DocumentSourceSuite",
    "EmbedderSuite",
    "EmbedderWireSuite",
    "EmbeddingWire",
    "FakeClock",
    "FakeDocumentStore",
    "GeminiEmbeddingWire",
    "GeminiWire",
    "HashEmbedder",
    "InMemorySessions",
    "InMemoryVectors",
    "LLMSuite",
    "LLMWire",
    "LLMWireSuite",
    "Law",
    "MemoryStoreSuite",
    "Mutation",
    "OllamaEmbeddingWire",
    "OllamaWire",
    "OpenAIChatWire",
    "OpenAIEmbeddingWire",
    "OpenAIResponsesWire",
    "Opened",
    "PlannedLLM",
    "ProviderSuite",
    "RecordedCall",
    "RecordingTool",
    "RecordingToolset",
    "Reply",
    "ScriptedLLM",
    "ScriptedSettings",
    "SeenRequest",
    "SeenResult",
    "SeenTool",
    "SessionsSuite",
    "SettingsKeys",
    "SteppingAgent",
    "Surroundings",
    "TasksSuite",
    "TokenCountingWire",
    "ToolsetSuite",
    "VectorStoreSuite",
    "WireEnding",
    "WireFault",
    "WireReply",
    "WireRequest",
    "WireServer",
    "WireShapeError",
    "all_laws",
    "check_chunks",
    "config_of",
    "conversations",
    "law",
    "mutations",
    "nothing_left",
    "open_component",
    "open_in",
    "scripted_provider",
    "settings_strategy",
    "structured_texts",
    "tool_context",
    "unsupported",
]

_HOMES = {
    "DOCUMENTS": "provider_config",
    "KEYS_TO_NOBODY": "nobody",
    "NOBODY": "nobody",
    "AgentParts": "agent_parts",
    "AgentSuite": "agent_suite",
    "AnsweringAgent": "fakes",
    "AnthropicWire": "anthropic_wire",
    "ChunkerSuite": "chunker_suite",
    "CohereEmbeddingWire": "cohere_embedding_wire",
    "CohereWire": "cohere_wire",
    "DocumentParserSuite": "document_suite",
    "DocumentSourceSuite": "document_suite",
    "EmbedderSuite": "embedder_suite",
    "EmbedderWireSuite": "embedder_wire_suite",
    "EmbeddingWire": "wire_protocol",
    "FakeClock": "fake_clock",
    "FakeDocumentStore": "fakes",
    "HashEmbedder": "fakes",
    "InMemorySessions": "hector.session",
    "InMemoryVectors": "in_memory_vectors",
    "GeminiEmbeddingWire": "gemini_embedding_wire",
    "GeminiWire": "gemini_wire",
    "LLMSuite": "llm_suite",
    "LLMWire": "wire_protocol",
    "LLMWireSuite": "llm_wire_suite",
    "Law": "laws",
    "MemoryStoreSuite": "memory_suite",
    "Mutation": "settings_mutations",
    "OllamaEmbeddingWire": "ollama_embedding_wire",
    "OllamaWire": "ollama_wire",
    "OpenAIChatWire": "openai_chat_wire",
    "OpenAIEmbeddingWire": "openai_embedding_wire",
    "OpenAIResponsesWire": "openai_responses_wire",
    "Opened": "opened",
    "PlannedLLM": "agent_parts",
    "ProviderSuite": "provider_suite",
    "RecordedCall": "recording_tool",
    "RecordingTool": "recording_tool",
    "RecordingToolset": "recording_tool",
    "Reply": "scripted",
    "ScriptedLLM": "scripted",
    "ScriptedSettings": "scripted",
    "SeenRequest": "wire_protocol",
    "SeenResult": "wire_protocol",
    "SeenTool": "wire_protocol",
    "SessionsSuite": "session_suite",
    "SettingsKeys": "provider_laws",
    "SteppingAgent": "agent_parts",
    "Surroundings": "surroundings",
    "TasksSuite": "task_suite",
    "TokenCountingWire": "wire_protocol",
    "ToolsetSuite": "toolset_suite",
    "VectorStoreSuite": "vector_suite",
    "WireEnding": "wire_server",
    "WireFault": "wire_protocol",
    "WireReply": "wire_server",
    "WireRequest": "wire_server",
    "WireServer": "wire_server",
    "WireShapeError": "wire_protocol",
    "all_laws": "laws",
    "check_chunks": "chunker_suite",
    "config_of": "provider_config",
    "conversations": "conversation_strategies",
    "law": "laws",
    "mutations": "settings_mutations",
    "nothing_left": "leftovers",
    "open_component": "surroundings",
    "open_in": "surroundings",
    "scripted_provider": "scripted",
    "settings_strategy": "settings_strategies",
    "structured_texts": "chunker_suite",
    "tool_context": "tool_surroundings",
    "unsupported": "laws",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'hector.testing' has no attribute {name!r}")
    try:
        value: object = getattr(
            import_module(home if "." in home else f"hector.testing.{home}"), name
        )
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
