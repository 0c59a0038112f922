"""The laws that this plugin keeps, on Cohere's API: `hector plugins check cohere` runs these classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from cohere.types import ChatMessages, ToolV2
from hypothesis import strategies as st
from pydantic import TypeAdapter

from hector.spi import LLMResponse, Secret
from hector.testing import (
    KEYS_TO_NOBODY,
    NOBODY,
    CohereEmbeddingWire,
    CohereWire,
    EmbedderWireSuite,
    LLMWireSuite,
    ProviderSuite,
    SettingsKeys,
    WireRequest,
)
from hector.testing.llm_request_laws import RequestLaws
from hector_plugin_cohere import hector_embedder_providers, hector_llm_providers
from hector_plugin_cohere.models import traits_of
from hector_plugin_cohere.settings import EmbedderSettings, LLMSettings

__all__ = [
    "TestBlindCohere",
    "TestCohere",
    "TestCohereEmbedder",
    "TestCohereEmbedderProvider",
    "TestCohereProvider",
]

_MESSAGES: TypeAdapter[Any] = TypeAdapter(ChatMessages)
_TOOLS: TypeAdapter[Any] = TypeAdapter(list[ToolV2])
_BLIND = "command-a-03-2025"
_KEY = st.just("not-a-real-key")


class TestCohereProvider(ProviderSuite):
    """What every provider does, for models; what one takes of thinking hangs on which it is."""

    provider = hector_llm_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`."""
        return (
            {
                "api_key": None,
                "base_url": st.just(f"http://{NOBODY}"),
                "model": st.just(_BLIND),
                "thinking": None,
                **KEYS_TO_NOBODY,
            },
            {"api_key": _KEY, "base_url": None, "thinking": None, **KEYS_TO_NOBODY},
        )


class TestCohereEmbedderProvider(ProviderSuite):
    """What every provider does, for embedders."""

    provider = hector_embedder_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`."""
        keyed: SettingsKeys = {"api_key": _KEY, **KEYS_TO_NOBODY}
        return (
            {
                **keyed,
                "base_url": st.just(f"http://{NOBODY}"),
                "model": st.just("embed-v4.0"),
                "dimension": st.just(512),
            },
            {**keyed, "model": st.just("embed-novel"), "dimension": st.just(7)},
        )


class OnCohere(RequestLaws):
    """How a model of Cohere is asked."""

    model = "command-a-plus-05-2026"

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        """See `LLMWireSuite`."""
        key = Secret(self.secret)
        return LLMSettings(base_url=base_url, model=self.model, api_key=key, **keys)

    def scripted(self, *args: Any, **more: Any) -> LLMResponse:
        """By the model that is asked: the API names none."""
        return attrs.evolve(super().scripted(*args, **more), model=self.model)

    def check_shape(self, request: WireRequest) -> None:
        """The SDK's own types take the conversation and the tools."""
        _MESSAGES.validate_python(request.json["messages"])
        _TOOLS.validate_python(request.json.get("tools", []))


class TestCohere(OnCohere, LLMWireSuite):
    """A model that takes everything that the plugin claims."""

    provider = hector_llm_providers()[0]
    wire = CohereWire()


class TestBlindCohere(OnCohere):
    """The laws of requests for a model that sees no images."""

    provider = hector_llm_providers()[0]
    wire = CohereWire()
    model = _BLIND
    capabilities = traits_of(_BLIND).capabilities
    max_examples = 20


class TestCohereEmbedder(EmbedderWireSuite):
    """An embedder."""

    provider = hector_embedder_providers()[0]
    wire = CohereEmbeddingWire()
    max_examples = 10

    def settings(self, base_url: str, **keys: Any) -> EmbedderSettings:
        """See `EmbedderWireSuite`."""
        return EmbedderSettings(
            base_url=base_url,
            api_key=Secret(self.secret),
            model="embed-novel",
            dimension=self.dimension,
            batch_size=self.batch_size,
            max_concurrency=self.max_concurrency,
            **keys,
        )
