"""The laws of an LLM behind a network, on Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from anthropic.types import MessageParam, ToolUnionParam
from pydantic import TypeAdapter

from hector.errors import UnsupportedError
from hector.message import Message, TextPart, ThinkingPart
from hector.spi import GenerateParameters, LLMRequest, Secret
from hector.testing import AnthropicWire, LLMWireSuite, WireRequest
from hector.testing.llm_request_laws import RequestLaws
from hector_plugin_anthropic import hector_llm_providers
from hector_plugin_anthropic.settings import LLMSettings, ThinkingSettings

MESSAGES = TypeAdapter(list[MessageParam])
TOOLS = TypeAdapter(list[ToolUnionParam])


def check_types(request: WireRequest) -> None:
    """The SDK's own types take the conversation and the tools."""
    MESSAGES.validate_python(request.json["messages"])
    TOOLS.validate_python(request.json.get("tools", []))


class TestClaude(LLMWireSuite):
    """A model that takes everything that the plugin claims."""

    provider = hector_llm_providers()[0]
    wire = AnthropicWire()

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        key = Secret(self.secret)
        return LLMSettings(base_url=base_url, model="claude-sonnet-4-6", api_key=key, **keys)

    def check_shape(self, request: WireRequest) -> None:
        check_types(request)


class TestRedacted(RequestLaws):
    """The laws of requests for reasoning that nobody may read, thought on a budget."""

    provider = hector_llm_providers()[0]
    wire = AnthropicWire()
    max_examples = 20

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
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
        check_types(request)

    def test_parameters_arrive(self) -> None:
        """But a model that thinks takes no temperature."""
        parameters = GenerateParameters(temperature=0.0)
        check_temperature_is_refused(self, parameters, "takes no temperature while it thinks")


class TestNewest(RequestLaws):
    """The laws of requests for a model that takes less, and binds its reasoning to the conversation."""

    provider = hector_llm_providers()[0]
    wire = AnthropicWire()
    capabilities = hector_llm_providers()[0].capabilities - {"tool_choice"}
    max_examples = 20

    def settings(self, base_url: str, **keys: Any) -> LLMSettings:
        return LLMSettings(base_url=base_url, api_key=Secret(self.secret), **keys)

    def check_shape(self, request: WireRequest) -> None:
        check_types(request)

    def test_parameters_arrive(self) -> None:
        """But for the temperature, which is refused before anything is sent."""
        parameters = GenerateParameters(temperature=0.0, max_output_tokens=77)
        check_temperature_is_refused(self, parameters, "claude-sonnet-5-5 takes no temperature")
        with self.stage() as opened:
            only_length = GenerateParameters(max_output_tokens=77)
            request = LLMRequest(
                messages=(Message("user", (TextPart("Hello"),)),), parameters=only_length
            )
            opened.run(drain(opened.component.llm, request))
            seen = self.wire.read(opened.component.server.requests[-1])
        assert (seen.max_output_tokens, list(seen.user_texts)) == (77, ["Hello"])


def check_temperature_is_refused(
    laws: RequestLaws, parameters: GenerateParameters, words: str
) -> None:
    with laws.stage() as opened:
        request = LLMRequest(messages=(Message.user("Hello"),), parameters=parameters)
        with pytest.raises(UnsupportedError, match=words):
            opened.run(drain(opened.component.llm, request))
        assert opened.component.server.requests == []


async def drain(llm: Any, request: LLMRequest) -> None:
    async for _ in llm.generate(request):
        pass
