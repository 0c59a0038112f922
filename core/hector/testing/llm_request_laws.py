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
from hector.testing.conversation_strategies import PNG, conversations
from hector.testing.laws import law, unsupported
from hector.testing.llm_wire_stage import CALLS, OPAQUE, TOOLS, Stage, WireStage, ask
from hector.testing.opened import SLOW_IS_FINE, Opened
from hector.testing.profiles import examples
from hector.testing.wire_protocol import SeenRequest, TokenCountingWire

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

REFUSED = "LLMW-024 sees that what needs them is refused"


class RequestLaws(WireStage):
    """Inherited by `LLMWireSuite`."""

    max_examples = 40

    def _asked(self, opened: Opened[Stage], request: LLMRequest) -> SeenRequest:
        opened.run(_answer(opened.component, request))
        sent = opened.component.server.requests[-1]
        self.check_shape(sent)
        return self.wire.read(sent)

    @law(
        "LLMW-023",
        since="0.1",
        why="A word that nobody knows is a claim that nobody checks.",
        fix="Correct `capabilities` of the `Provider`, or of the suite for a model that has less.",
    )
    def test_only_known_capabilities_are_claimed(self) -> None:
        """Only words of `LLM_CAPABILITIES` are claimed, and by a model no more than by its provider."""
        assert set(LLM_CAPABILITIES) >= self.provider.capabilities >= self.claims

    @law(
        "LLMW-024",
        since="0.1",
        why="A request whose wish is dropped in silence looks answered and is not.",
        fix="Begin `generate` with `require_capabilities`, and translate everything that passes it.",
    )
    @pytest.mark.parametrize("capability", sorted(WANTING))
    def test_what_is_claimed_is_done_and_what_is_not_is_refused(self, capability: str) -> None:
        """What is claimed arrives at the provider; what is not is refused before anything is sent."""
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

    @law(
        "LLMW-025",
        since="0.1",
        why="A count that is a guess must not pass for one of the provider.",
        fix="Implement `TokenCountingLLM` and claim `token_counting`, or do neither.",
    )
    def test_tokens_are_counted_or_not(self) -> None:
        """Tokens are counted by the provider where that is claimed, and else refused with the typed error."""
        request = ask(Message.user("How long is this?"))
        with self.stage() as opened:
            stage = opened.component
            if "token_counting" not in self.claims:
                with pytest.raises(UnsupportedError):
                    opened.run(count_tokens(stage.llm, request))
                assert stage.server.requests == []
                return
            wire = self.wire
            assert isinstance(wire, TokenCountingWire), "the wire has no answer to a count"
            stage.server.answer = lambda asked: wire.token_count(1234, asked)
            assert opened.run(count_tokens(stage.llm, request)) == 1234

    @law(
        "LLMW-026",
        since="0.1",
        why="Who runs a model behind a proxy knows its window better than a table does.",
        fix="Inherit `LimitSettings`, and let `limits` give its values first.",
    )
    def test_limits_are_those_of_the_settings(self) -> None:
        """Limits of the settings go before what is known of the model."""
        with self.stage(context_window=12_345, output_limit=678) as opened:
            limits = limits_of(opened.component.llm)
        assert (limits.context_tokens, limits.output_tokens) == (12_345, 678)

    @law(
        "LLMW-027",
        since="0.1",
        why="Zero is what tests and extraction ask for, and what `if temperature:` drops.",
        fix="Compare with `is not None`, and send the system instruction where the API wants it.",
    )
    def test_parameters_arrive(self) -> None:
        """Parameters and the system instruction arrive as they are; a temperature of 0 is one."""
        parameters = GenerateParameters(temperature=0.0, max_output_tokens=77)
        request = ask(system="You are a pirate. ☃", parameters=parameters)
        with self.stage() as opened:
            seen = self._asked(opened, request)
            assert seen.model == opened.component.llm.model
        assert (seen.temperature, seen.max_output_tokens) == (0, 77)
        assert seen.system == "You are a pirate. ☃"
        assert list(seen.user_texts) == ["Hello"]

    @law(
        "LLMW-028",
        since="0.1",
        why="A result under the wrong call is an answer to another question.",
        fix="Translate each `ToolResult` by its `call_id`, with `tool_result_text` for what the wire takes as text, "
        "and say `is_error` in the wire's own way.",
    )
    def test_tool_results_go_back_in_order(self) -> None:
        """Results of tools go back in order, each to its call: text, JSON and errors."""
        if "tools" not in self.claims:
            unsupported(f"`tools` are not claimed; {REFUSED}")
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

    @law(
        "LLMW-029",
        since="0.1",
        why="A conversation that holds a result which the provider refuses is refused for ever after.",
        fix="Send images where results or messages take them, and `file_note` of `hector.spi` in the place of all "
        "else.",
    )
    def test_a_file_in_a_tool_result_ends_no_conversation(self) -> None:
        """A file in a tool's result ends no conversation: it arrives, or is told in words."""
        if "tools" not in self.claims:
            unsupported(f"`tools` are not claimed; {REFUSED}")
        with self.stage() as opened:
            first = self._answer_with(opened, self.said(CALLS[0]), ask(tools=TOOLS))
            call = next(part for part in first.parts if isinstance(part, ToolCall))
            result = ToolResult(call_id=call.id, name=call.name, content=(IMAGE, DOCUMENT))
            seen = self._asked(opened, ask(*_turn(first, [result]), tools=TOOLS))
        if "vision" in self.claims:
            assert list(seen.images) == [PNG]

    @law(
        "LLMW-030",
        since="0.1",
        why="Providers check signatures of reasoning and refuse what is changed, and what is not their own.",
        fix="Keep what must come back in `provider_data` under your own name, and read it with `own_data`.",
    )
    def test_reasoning_goes_back_as_it_came(self) -> None:
        """Reasoning goes back byte for byte, also after a reload; another provider's does not."""
        if "thinking" not in self.claims:
            unsupported("`thinking` is not claimed, so that no reasoning ever comes")
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

    @law(
        "LLMW-031",
        since="0.1",
        why="Agents, models and plugins change within a session; its history stays.",
        fix="Translate by what a part is and not by who made it; merge or split messages as the API wants them.",
    )
    def test_any_conversation_of_an_agent_is_accepted(self) -> None:
        """Any conversation is accepted: own answers, other agents' words, others' data, files."""
        has_tools = "tools" in self.claims
        with self.stage() as opened:
            own = self._own_answers(opened)

            @settings(
                max_examples=examples(self.max_examples),
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
