"""The laws that this plugin keeps, on both of OpenAI's APIs: `hector plugins check openai` runs these classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam
from openai.types.responses import ResponseInputItemParam
from pydantic import TypeAdapter

from hector.spi import Secret
from hector.testing import (
    KEYS_TO_NOBODY,
    NOBODY,
    EmbedderWireSuite,
    LLMWireSuite,
    OpenAIChatWire,
    OpenAIEmbeddingWire,
    OpenAIResponsesWire,
    ProviderSuite,
    SettingsKeys,
    WireRequest,
)
from hector_plugin_openai import hector_embedder_providers, hector_llm_providers
from hector_plugin_openai.models import CHAT_CAPABILITIES, RESPONSES_CAPABILITIES
from hector_plugin_openai.settings import EmbedderSettings, LLMSettings

__all__ = [
    "TestChat",
    "TestEmbedder",
    "TestOpenAIEmbedderProvider",
    "TestOpenAIProvider",
    "TestPackedEmbedder",
    "TestResponses",
]

_RESPONSES_ITEMS = TypeAdapter(list[ResponseInputItemParam])
_CHAT_MESSAGES = TypeAdapter(list[ChatCompletionMessageParam])


class TestOpenAIProvider(ProviderSuite):
    """What every provider does, for models: one of two keys that mean the same, one of two ways to be let in."""

    provider = hector_llm_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`."""
        return (
            {"base_url": st.just(f"http://{NOBODY}/v1"), "thinking": None, **KEYS_TO_NOBODY},
            {"api_key": st.just("not-a-real-key"), "reasoning_effort": None, **KEYS_TO_NOBODY},
        )


class TestOpenAIEmbedderProvider(ProviderSuite):
    """What every provider does, for embedders: the length of vectors is said, or that of a model that is known."""

    provider = hector_embedder_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`."""
        keyed: SettingsKeys = {"api_key": st.just("not-a-real-key"), **KEYS_TO_NOBODY}
        return (
            {
                **keyed,
                "base_url": st.just(f"http://{NOBODY}/v1"),
                "dimension": st.integers(1, 1536),
            },
            {**keyed, "model": st.just("text-embedding-3-small"), "dimension": None},
        )


class TestResponses(LLMWireSuite):
    """A model over the Responses API."""

    provider = hector_llm_providers()[0]
    wire = OpenAIResponsesWire()
    capabilities = RESPONSES_CAPABILITIES

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        """See `LLMWireSuite`."""
        key = Secret(self.secret)
        return LLMSettings(base_url=base_url, api="responses", api_key=key, **keys)

    def check_shape(self, request: WireRequest) -> None:
        """The SDK's own types take every item of the conversation."""
        _RESPONSES_ITEMS.validate_python(request.json["input"])


class TestChat(LLMWireSuite):
    """A model over Chat Completions."""

    provider = hector_llm_providers()[0]
    wire = OpenAIChatWire()
    capabilities = CHAT_CAPABILITIES

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        """See `LLMWireSuite`."""
        return LLMSettings(base_url=base_url, api="chat", api_key=Secret(self.secret), **keys)

    def check_shape(self, request: WireRequest) -> None:
        """The SDK's own types take every message of the conversation."""
        _CHAT_MESSAGES.validate_python(request.json["messages"])


class TestEmbedder(EmbedderWireSuite):
    """An embedder."""

    provider = hector_embedder_providers()[0]
    wire = OpenAIEmbeddingWire()
    max_examples = 10

    def settings(self, base_url: str, **keys: Any) -> EmbedderSettings:
        """See `EmbedderWireSuite`."""
        return EmbedderSettings(
            base_url=base_url,
            api_key=Secret(self.secret),
            model="own",
            dimension=self.dimension,
            batch_size=self.batch_size,
            max_concurrency=self.max_concurrency,
            **keys,
        )


class TestPackedEmbedder(TestEmbedder):
    """The same with vectors in Base64, and their length found by a trial."""

    tolerance = 1e-6

    def settings(self, base_url: str, **keys: Any) -> EmbedderSettings:
        """See `EmbedderWireSuite`."""
        return attrs.evolve(
            super().settings(base_url, **keys), encoding_format="base64", dimension=None
        )
