"""The laws that this plugin keeps, on the Messages API: `hector plugins check anthropic` runs these classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs
import pytest
from anthropic.types import MessageParam, ToolUnionParam
from hypothesis import strategies as st
from pydantic import TypeAdapter

from hector.errors import UnsupportedError
from hector.message import Message, TextPart, ThinkingPart
from hector.spi import GenerateParameters, LLMRequest, Secret
from hector.testing import (
    KEYS_TO_NOBODY,
    NOBODY,
    AnthropicWire,
    LLMWireSuite,
    ProviderSuite,
    SettingsKeys,
    WireRequest,
)
from hector.testing.llm_request_laws import RequestLaws
from hector_plugin_anthropic import hector_llm_providers
from hector_plugin_anthropic.settings import LLMSettings, ThinkingSettings

__all__ = ["TestAnthropicProvider", "TestClaude", "TestNewest", "TestRedacted"]

_MESSAGES = TypeAdapter(list[MessageParam])
_TOOLS = TypeAdapter(list[ToolUnionParam])


def _check_types(request: WireRequest) -> None:
    """The SDK's own types take the conversation and the tools."""
    _MESSAGES.validate_python(request.json["messages"])
    _TOOLS.validate_python(request.json.get("tools", []))


class TestAnthropicProvider(ProviderSuite):
    """What every provider does; what a model takes of thinking and temperature hangs on which it is."""

    provider = hector_llm_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`."""
        older = st.just("claude-haiku-4-5")
        keyed: SettingsKeys = {
            "api_key": st.just("not-a-real-key"),
            "temperature": None,
            **KEYS_TO_NOBODY,
        }
        return (
            {
                "api_key": None,
                "base_url": st.just(f"http://{NOBODY}"),
                "model": older,
                "thinking": None,
                **KEYS_TO_NOBODY,
            },
            {**keyed, "base_url": None, "thinking": None},
            {**keyed, "model": older, "max_tokens": None},
        )


class TestClaude(LLMWireSuite):
    """A model that takes everything that the plugin claims."""

    provider = hector_llm_providers()[0]
    wire = AnthropicWire()

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        """See `LLMWireSuite`."""
        key = Secret(self.secret)
        return LLMSettings(base_url=base_url, model="claude-sonnet-4-6", api_key=key, **keys)

    def check_shape(self, request: WireRequest) -> None:
        """See `LLMWireSuite`."""
        _check_types(request)


class TestRedacted(RequestLaws):
    """The laws of requests for reasoning that nobody may read, thought on a budget."""

    provider = hector_llm_providers()[0]
    wire = AnthropicWire()
    max_examples = 20
    waived: ClassVar = {
        "LLMW-027": "a model that thinks takes no temperature, which is refused before anything is sent"
    }

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        """See `LLMWireSuite`."""
        return LLMSettings(
            base_url=base_url,
            model="claude-haiku-4-5",
            api_key=Secret(self.secret),
            thinking=ThinkingSettings(budget_tokens=2048),
            **keys,
        )

    def said(self, *parts: Any, **more: Any) -> Any:
        """Without a word of the reasoning."""
        said = super().said(*parts, **more)
        hidden = [
            ThinkingPart(provider_data=part.provider_data)
            if isinstance(part, ThinkingPart)
            else part
            for part in said.parts
        ]
        return attrs.evolve(said, parts=tuple(hidden))

    def check_shape(self, request: WireRequest) -> None:
        """See `LLMWireSuite`."""
        _check_types(request)

    def test_parameters_arrive(self) -> None:
        """In the place of the law: the temperature is refused."""
        parameters = GenerateParameters(temperature=0.0)
        _check_temperature_is_refused(self, parameters, "takes no temperature while it thinks")


class TestNewest(RequestLaws):
    """The laws of requests for a model that takes less, and binds its reasoning to the conversation."""

    provider = hector_llm_providers()[0]
    wire = AnthropicWire()
    capabilities = hector_llm_providers()[0].capabilities - {"tool_choice"}
    max_examples = 20
    waived: ClassVar = {
        "LLMW-027": "the newest models take no temperature, which is refused before anything is sent"
    }

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        """See `LLMWireSuite`."""
        return LLMSettings(base_url=base_url, api_key=Secret(self.secret), **keys)

    def check_shape(self, request: WireRequest) -> None:
        """See `LLMWireSuite`."""
        _check_types(request)

    def test_parameters_arrive(self) -> None:
        """In the place of the law: the temperature is refused, and everything else arrives."""
        parameters = GenerateParameters(temperature=0.0, max_output_tokens=77)
        _check_temperature_is_refused(self, parameters, "claude-sonnet-5-5 takes no temperature")
        with self.stage() as opened:
            only_length = GenerateParameters(max_output_tokens=77)
            request = LLMRequest(
                messages=(Message("user", (TextPart("Hello"),)),), parameters=only_length
            )
            opened.run(_drain(opened.component.llm, request))
            seen = self.wire.read(opened.component.server.requests[-1])
        assert (seen.max_output_tokens, list(seen.user_texts)) == (77, ["Hello"])


def _check_temperature_is_refused(
    laws: RequestLaws, parameters: GenerateParameters, words: str
) -> None:
    with laws.stage() as opened:
        request = LLMRequest(messages=(Message.user("Hello"),), parameters=parameters)
        with pytest.raises(UnsupportedError, match=words):
            opened.run(_drain(opened.component.llm, request))
        assert opened.component.server.requests == []


async def _drain(llm: Any, request: LLMRequest) -> None:
    async for _ in llm.generate(request):
        pass
