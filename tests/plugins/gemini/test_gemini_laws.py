"""The laws of an LLM and of an embedder behind a network, on Google's Gemini API."""

from __future__ import annotations

from typing import Any

from google.genai import types

from hector.spi import Secret
from hector.testing import (
    EmbedderWireSuite,
    GeminiEmbeddingWire,
    GeminiWire,
    LLMWireSuite,
    WireRequest,
)
from hector.testing.llm_request_laws import RequestLaws
from hector_plugin_gemini import hector_embedder_providers, hector_llm_providers
from hector_plugin_gemini.settings import EmbedderSettings, LLMSettings, ThinkingSettings


def check_types(request: WireRequest) -> None:
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
        thinking = ThinkingSettings(level="low")
        key = Secret(self.secret)
        return LLMSettings(base_url=base_url, api_key=key, thinking=thinking, **keys)

    def check_shape(self, request: WireRequest) -> None:
        check_types(request)


class TestOlderGemini(RequestLaws):
    """The laws of requests for a model with a budget, without files in results."""

    provider = hector_llm_providers()[0]
    wire = GeminiWire()
    max_examples = 20

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        return LLMSettings(
            base_url=base_url,
            model="gemini-2.5-flash",
            api_key=Secret(self.secret),
            thinking=ThinkingSettings(budget_tokens=2048),
            **keys,
        )

    def check_shape(self, request: WireRequest) -> None:
        check_types(request)


class TestGeminiEmbedder(EmbedderWireSuite):
    provider = hector_embedder_providers()[0]
    wire = GeminiEmbeddingWire()
    max_examples = 10

    def settings(self, base_url: str, **keys: Any) -> EmbedderSettings:
        return EmbedderSettings(
            base_url=base_url,
            api_key=Secret(self.secret),
            dimension=self.dimension,
            batch_size=self.batch_size,
            max_concurrency=self.max_concurrency,
            **keys,
        )
