"""Laws of requests: what the provider understands is what was asked, to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from hector.errors import UnsupportedError
from hector.message import (
    DataPart,
    FilePart,
    JSONObject,
    Message,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
    message_from_json,
    message_to_json,
)
from hector.spi import (
    LLM_CAPABILITIES,
    GenerateParameters,
    LLMRequest,
    LLMResponse,
    StructuredOutput,
    count_tokens,
    limits_of,
)
from hector.testing.conversations import PNG, conversations
from hector.testing.llm_wire_stage import CALLS, OPAQUE, TOOLS, Stage, WireStage, ask
from hector.testing.opened import SLOW_IS_FINE, Opened
from hector.testing.wire_protocol import SeenRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RequestLaws"]

SCHEMA: JSONObject = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {
            "type": "array",
            "items": {"type": "object", "properties": {"°C": {"type": ["number", "null"]}}},
        },
    },
    "required": ["city", "days"],
    "additionalProperties": False,
}
IMAGE = FilePart(media_type="image/png", data=PNG)
DOCUMENT = FilePart(media_type="application/pdf", data=b"%PDF-1.7", name="a.pdf")

WANTING: dict[str, LLMRequest] = {
    "tools": ask(tools=TOOLS),
    "tool_choice": ask(tools=TOOLS, parameters=GenerateParameters(tool_choice="search")),
    "structured_output": ask(
        parameters=GenerateParameters(structured_output=StructuredOutput(schema=SCHEMA))
    ),
    "stop": ask(parameters=GenerateParameters(stop=("END",))),
    "vision": ask(Message("user", (TextPart("What is this?"), IMAGE))),
    "files": ask(Message("user", (TextPart("What is this?"), DOCUMENT))),
}
"""A request that needs each capability that a request can need."""


class RequestLaws(WireStage):
    """Inherited by `LLMWireSuite`."""

    max_examples = 40

    def _asked(self, opened: Opened[Stage], request: LLMRequest) -> SeenRequest:
        opened.run(_answer(opened.component, request))
        sent = opened.component.server.requests[-1]
        self.check_shape(sent)
        return self.wire.read(sent)

    def test_only_known_capabilities_are_claimed(self) -> None:
        """Words of `LLM_CAPABILITIES`, and not more on stage than by the provider."""
        assert set(LLM_CAPABILITIES) >= self.provider.capabilities >= self.claims

    @pytest.mark.parametrize("capability", sorted(WANTING))
    def test_what_is_claimed_is_done_and_what_is_not_is_refused(self, capability: str) -> None:
        """Nothing is sent for what is refused."""
        with self.stage() as opened:
            stage = opened.component
            if capability in self.claims:
                seen = self._asked(opened, WANTING[capability])
                self._check_arrived(capability, seen)
                return
            with pytest.raises(UnsupportedError) as raised:
                opened.run(_answer(stage, WANTING[capability]))
            assert f"`{capability}`" in raised.value.message
            assert stage.server.requests == []

    def _check_arrived(self, capability: str, seen: SeenRequest) -> None:
        match capability:
            case "tools":
                assert [(tool.name, tool.description, tool.parameters) for tool in seen.tools] == [
                    (tool.name, tool.description, tool.parameters) for tool in TOOLS
                ]
            case "tool_choice":
                assert seen.tool_choice == "search"
            case "structured_output":
                assert seen.schema == SCHEMA
            case "stop":
                assert list(seen.stop or ()) == ["END"]
            case "vision":
                assert list(seen.images) == [PNG]
            case _:
                pass  # `read` has checked its shape

    def test_tokens_are_counted_or_not(self) -> None:
        """By the provider where that is claimed, else the typed refusal."""
        request = ask(Message.user("How long is this?"))
        with self.stage() as opened:
            stage = opened.component
            if "token_counting" not in self.claims:
                with pytest.raises(UnsupportedError):
                    opened.run(count_tokens(stage.llm, request))
                assert stage.server.requests == []
                return
            stage.server.answer = lambda asked: self.wire.token_count(1234, asked)
            assert opened.run(count_tokens(stage.llm, request)) == 1234

    def test_limits_are_those_of_the_settings(self) -> None:
        """What the config says goes before what is known."""
        with self.stage(context_window=12_345, output_limit=678) as opened:
            limits = limits_of(opened.component.llm)
        assert (limits.context_tokens, limits.output_tokens) == (12_345, 678)

    def test_parameters_arrive(self) -> None:
        """Zero is a temperature, and the system instruction is one."""
        parameters = GenerateParameters(temperature=0.0, max_output_tokens=77)
        request = ask(system="You are a pirate. ☃", parameters=parameters)
        with self.stage() as opened:
            seen = self._asked(opened, request)
            assert seen.model == opened.component.llm.model
        assert (seen.temperature, seen.max_output_tokens) == (0, 77)
        assert seen.system == "You are a pirate. ☃"
        assert list(seen.user_texts) == ["Hello"]

    def test_tool_results_go_back_in_order(self) -> None:
        """Text, JSON, an error and an image, each to its call."""
        if "tools" not in self.claims:
            return
        calls = CALLS if "parallel_tools" in self.claims else CALLS[:1]
        with self.stage() as opened:
            first = self._answer_with(opened, self.said(*calls), ask(tools=TOOLS))
            made = [part for part in first.parts if isinstance(part, ToolCall)]
            results = [
                ToolResult(
                    call_id=call.id,
                    name=call.name,
                    content=(TextPart(f"ä {number}"), DataPart({"n": [number]})),
                    is_error=number == 1,
                )
                for number, call in enumerate(made)
            ]
            seen = self._asked(opened, ask(*_turn(first, results), tools=TOOLS))
        assert len(seen.results) == len(calls)
        for number, (result, call) in enumerate(zip(seen.results, made, strict=True)):
            assert result.call_id in {call.id, None}
            assert f"ä {number}" in result.text
            assert '"n":[' in result.text.replace(" ", "")
            assert result.is_error == (number == 1)

    def test_a_file_in_a_tool_result_ends_no_conversation(self) -> None:
        """An image arrives where images can; whatever cannot is told in words."""
        if "tools" not in self.claims:
            return
        with self.stage() as opened:
            first = self._answer_with(opened, self.said(CALLS[0]), ask(tools=TOOLS))
            call = next(part for part in first.parts if isinstance(part, ToolCall))
            result = ToolResult(call_id=call.id, name=call.name, content=(IMAGE, DOCUMENT))
            seen = self._asked(opened, ask(*_turn(first, [result]), tools=TOOLS))
        if "vision" in self.claims:
            assert list(seen.images) == [PNG]

    def test_reasoning_goes_back_as_it_came(self) -> None:
        """Over two turns and a reload of the session, byte for byte; another provider's does not go."""
        if "thinking" not in self.claims:
            return
        tools = TOOLS if "tools" in self.claims else ()
        scripted = self.said(CALLS[0]) if tools else self.said()
        thought = next(part for part in scripted.parts if isinstance(part, ThinkingPart))
        wanted = self.wire.must_come_back(thought)
        elsewhere = {"another_provider": {"signature": "not for you"}}
        with self.stage() as opened:
            first = self._answer_with(opened, scripted, ask(tools=tools))
            calls = [part for part in first.parts if isinstance(part, ToolCall)]
            results = [ToolResult(call_id=it.id, name=it.name) for it in calls]
            turn = _turn(first, results)
            second = self._answer_with(opened, self.said(), ask(*turn, tools=tools))
            if tools:
                seen = self.wire.read(opened.component.server.requests[-1])
                assert list(seen.thinking) == [wanted]
            strange = ThinkingPart(text="Elsewhere.", provider_data=elsewhere)
            later = (
                *turn,
                *_turn(second, []),
                Message("assistant", (strange, TextPart("I was somebody else."))),
                Message.user("And then?"),
            )
            seen = self._asked(opened, ask(*later, tools=tools))
            body = opened.component.server.requests[-1].body
        assert list(seen.thinking) == ([wanted] * 2 if self.wire.keeps_earlier_thinking else [])
        assert b"not for you" not in body
        assert wanted in {OPAQUE, thought.text}

    def test_any_conversation_of_an_agent_is_accepted(self) -> None:
        """Whatever came before: own answers, other agents' words, other providers' data, files."""
        has_tools = "tools" in self.claims
        with self.stage() as opened:
            own = self._own_answers(opened)

            @settings(
                max_examples=self.max_examples,
                deadline=None,
                suppress_health_check=SLOW_IS_FINE,
            )
            @given(
                conversations(
                    own_answers=own, has_images="vision" in self.claims, has_tools=has_tools
                )
            )
            def law(messages: tuple[Message, ...]) -> None:
                request = ask(*messages, tools=TOOLS if has_tools else ())
                seen = self._asked(opened, request)
                results = [
                    it for message in messages if message.role == "tool" for it in message.parts
                ]
                assert len(seen.results) == len(results)

            law()

    def _own_answers(self, opened: Opened[Stage]) -> Sequence[tuple[Part, ...]]:
        scripts = [self.said(), self.said(TextPart("One."), TextPart("Two."))]
        return [self._answer_with(opened, script, ask()).parts for script in scripts]

    def _answer_with(
        self, opened: Opened[Stage], scripted: LLMResponse, request: LLMRequest
    ) -> LLMResponse:
        opened.component.server.answer = lambda asked: self.wire.answer(scripted, asked)
        return opened.run(_answer(opened.component, request))


def _turn(answer: LLMResponse, results: Sequence[ToolResult]) -> tuple[Message, ...]:
    """A question, the answer and the tools' results, as a session gives them back after a reload."""
    messages = [Message.user("Look it up."), Message("assistant", answer.parts)]
    if results:
        messages.append(Message("tool", tuple(results)))
    return tuple(message_from_json(message_to_json(message)) for message in messages)


async def _answer(stage: Stage, request: LLMRequest) -> LLMResponse:
    *_, response = [chunk async for chunk in stage.llm.generate(request)]
    assert isinstance(response, LLMResponse)
    return response
