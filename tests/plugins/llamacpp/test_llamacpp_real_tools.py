"""The small real model calls a tool: its own template has none, so it is given one, and is held to a call."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import validate
from llama_calls import answer_of, open_llm

from hector.message import Message, TextPart, ToolCall, ToolResult, text_of
from hector.spi import GenerateParameters, LLMRequest, ToolSpec
from hector_plugin_llamacpp.conformance.tiny_gguf import TEMPLATE
from hector_plugin_llamacpp.settings import ThinkingSettings

WEATHER = ToolSpec(
    name="get_weather",
    description="Tell the weather in a city.",
    parameters={
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 20},
            "unit": {"enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
    effect="idempotent",
)


@pytest.mark.timeout(120)
async def test_real_weights_call_the_only_tool_and_go_on_from_its_result() -> None:
    """The whole turn at temperature 0: a call that fits the schema, the tool's answer, and words about it."""
    question = Message.user("What is the weather in Paris, in celsius?")
    must = GenerateParameters(tool_choice="required", max_output_tokens=120)
    keys: Any = {"chat_template": TEMPLATE, "thinking": ThinkingSettings(enabled=False)}
    async with open_llm("smollm2", context_window=1024, slots=1, **keys) as llm:
        asked = LLMRequest(messages=(question,), tools=(WEATHER,), parameters=must)
        response = await answer_of(llm, asked)
        calls = [part for part in response.parts if isinstance(part, ToolCall)]
        assert response.finish_reason == "tool_calls"
        for call in calls:
            assert call.name == "get_weather"
            arguments: Any = call.arguments
            validate(arguments, dict(WEATHER.parameters))
        assert calls[0].arguments == {"city": "Paris", "unit": "celsius"}
        results = tuple(
            ToolResult(call_id=call.id, name=call.name, content=(TextPart("Sunny, 21 degrees."),))
            for call in calls
        )
        turn = (question, Message("assistant", response.parts), Message("tool", results))
        brief = GenerateParameters(tool_choice="none", max_output_tokens=24)
        told = await answer_of(llm, LLMRequest(messages=turn, tools=(WEATHER,), parameters=brief))
    assert text_of(told.parts).strip()
