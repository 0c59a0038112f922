"""The laws of an LLM and of an embedder behind a network, on Cohere's API."""

from __future__ import annotations

from typing import Any

import attrs
from cohere.types import ChatMessages, ToolV2
from pydantic import TypeAdapter

from hector.spi import LLMResponse, Secret
from hector.testing import (
    CohereEmbeddingWire,
    CohereWire,
    EmbedderWireSuite,
    LLMWireSuite,
    WireRequest,
)
from hector.testing.llm_request_laws import RequestLaws
from hector_plugin_cohere import hector_embedder_providers, hector_llm_providers
from hector_plugin_cohere.models import traits_of
from hector_plugin_cohere.settings import EmbedderSettings, LLMSettings

MESSAGES: TypeAdapter[Any] = TypeAdapter(ChatMessages)
TOOLS: TypeAdapter[Any] = TypeAdapter(list[ToolV2])
BLIND = "command-a-03-2025"


class _OnCohere(RequestLaws):
    model = "command-a-plus-05-2026"

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        key = Secret(self.secret)
        return LLMSettings(base_url=base_url, model=self.model, api_key=key, **keys)

    def scripted(self, *args: Any, **more: Any) -> LLMResponse:
        """By the model that is asked: the API names none."""
        return attrs.evolve(super().scripted(*args, **more), model=self.model)

    def check_shape(self, request: WireRequest) -> None:
        MESSAGES.validate_python(request.json["messages"])
        TOOLS.validate_python(request.json.get("tools", []))


class TestCohere(_OnCohere, LLMWireSuite):
    """A model that takes everything that the plugin claims."""

    provider = hector_llm_providers()[0]
    wire = CohereWire()


class TestBlindCohere(_OnCohere):
    """The laws of requests for a model that sees no images."""

    provider = hector_llm_providers()[0]
    wire = CohereWire()
    model = BLIND
    capabilities = traits_of(BLIND).capabilities
    max_examples = 20


class TestCohereEmbedder(EmbedderWireSuite):
    provider = hector_embedder_providers()[0]
    wire = CohereEmbeddingWire()
    max_examples = 10

    def settings(self, base_url: str, **keys: Any) -> EmbedderSettings:
        return EmbedderSettings(
            base_url=base_url,
            api_key=Secret(self.secret),
            model="embed-novel",
            dimension=self.dimension,
            batch_size=self.batch_size,
            max_concurrency=self.max_concurrency,
            **keys,
        )
