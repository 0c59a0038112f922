"""The laws that this plugin keeps, on Google's Gemini API: `hector plugins check gemini` runs these classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.genai import types
from hypothesis import strategies as st

from hector.spi import Secret
from hector.testing import (
    KEYS_TO_NOBODY,
    NOBODY,
    EmbedderWireSuite,
    GeminiEmbeddingWire,
    GeminiWire,
    LLMWireSuite,
    ProviderSuite,
    SettingsKeys,
    WireRequest,
)
from hector.testing.llm_request_laws import RequestLaws
from hector_plugin_gemini import hector_embedder_providers, hector_llm_providers
from hector_plugin_gemini.settings import EmbedderSettings, LLMSettings, ThinkingSettings

__all__ = [
    "TestGemini",
    "TestGeminiEmbedder",
    "TestGeminiEmbedderProvider",
    "TestGeminiProvider",
    "TestOlderGemini",
]

_KEY = st.just("not-a-real-key")


class TestGeminiProvider(ProviderSuite):
    """What every provider does, for models."""

    provider = hector_llm_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`; only older models take a budget."""
        return (
            {
                "api_key": None,
                "base_url": st.just(f"http://{NOBODY}"),
                "model": st.just("gemini-2.5-flash"),
                "thinking": st.just({"budget_tokens": 512}),
                **KEYS_TO_NOBODY,
            },
            {"api_key": _KEY, "base_url": None, "thinking": None, **KEYS_TO_NOBODY},
        )


class TestGeminiEmbedderProvider(ProviderSuite):
    """What every provider does, for embedders."""

    provider = hector_embedder_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`."""
        keyed: SettingsKeys = {"api_key": _KEY, **KEYS_TO_NOBODY}
        return (
            {
                **keyed,
                "base_url": st.just(f"http://{NOBODY}"),
                "model": st.just("gemini-embedding-001"),
                "dimension": st.integers(1, 3072),
            },
            {**keyed, "model": st.just("gemini-embedding-2"), "dimension": None},
        )


def _check_types(request: WireRequest) -> None:
    """The SDK's own types take the conversation, the tools and the rest."""
    body = request.json
    body = body.get("generateContentRequest", body)
    for content in body["contents"]:
        types.Content.model_validate(content)
    for tool in body.get("tools", []):
        types.Tool.model_validate(tool)
    types.ToolConfig.model_validate(body.get("toolConfig", {}))
    types.GenerationConfig.model_validate(body.get("generationConfig", {}))


class TestGemini(LLMWireSuite):
    """A model that checks its thought signatures, and is asked to show its reasoning."""

    provider = hector_llm_providers()[0]
    wire = GeminiWire()

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        """See `LLMWireSuite`."""
        thinking = ThinkingSettings(level="low")
        key = Secret(self.secret)
        return LLMSettings(base_url=base_url, api_key=key, thinking=thinking, **keys)

    def check_shape(self, request: WireRequest) -> None:
        """See `LLMWireSuite`."""
        _check_types(request)


class TestOlderGemini(RequestLaws):
    """The laws of requests for a model with a budget, without files in results."""

    provider = hector_llm_providers()[0]
    wire = GeminiWire()
    max_examples = 20

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        """See `LLMWireSuite`."""
        return LLMSettings(
            base_url=base_url,
            model="gemini-2.5-flash",
            api_key=Secret(self.secret),
            thinking=ThinkingSettings(budget_tokens=2048),
            **keys,
        )

    def check_shape(self, request: WireRequest) -> None:
        """See `LLMWireSuite`."""
        _check_types(request)


class TestGeminiEmbedder(EmbedderWireSuite):
    """An embedder."""

    provider = hector_embedder_providers()[0]
    wire = GeminiEmbeddingWire()
    max_examples = 10

    def settings(self, base_url: str, **keys: Any) -> EmbedderSettings:
        """See `EmbedderWireSuite`."""
        return EmbedderSettings(
            base_url=base_url,
            api_key=Secret(self.secret),
            dimension=self.dimension,
            batch_size=self.batch_size,
            max_concurrency=self.max_concurrency,
            **keys,
        )
