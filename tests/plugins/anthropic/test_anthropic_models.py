"""Whatever is asked of whichever model: the API takes it, or it is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from hector.errors import UnsupportedError
from hector.message import Message, TextPart, ThinkingPart, ToolCall, ToolResult
from hector.spi import GenerateParameters, LLMRequest, Secret, ToolSpec, encoded_json
from hector.testing import AnthropicWire, WireRequest
from hector_plugin_anthropic.request import body_of, headers_of
from hector_plugin_anthropic.settings import LLMSettings, ThinkingSettings

MODELS = st.sampled_from(
    [
        "claude-fable-5",
        "claude-fable-5-2",
        "claude-haiku-4-5",
        "claude-haiku-5-5",
        "claude-mythos-5-1",
        "claude-opus-4-1-20250805",
        "claude-opus-4-6",
        "claude-opus-4-8",
        "claude-opus-5",
        "claude-opus-5-5",
        "claude-sonnet-4-6",
        "claude-sonnet-5",
        "claude-sonnet-5-5",
        "kimi-k3",
    ]
)
THINKING = st.none() | st.builds(
    ThinkingSettings,
    enabled=st.booleans(),
    budget_tokens=st.none() | st.sampled_from([1024, 5000, 10_000]),
)
PARAMETERS = st.builds(
    GenerateParameters,
    temperature=st.none() | st.sampled_from([0.0, 1.0]),
    max_output_tokens=st.none() | st.sampled_from([1024, 1025, 3000]),
    tool_choice=st.none() | st.sampled_from(["auto", "none", "required", "search"]),
)
SIGNED = ThinkingPart(text="Hm.", provider_data={"anthropic": {"signature": "c2ln"}})
HIDDEN = ThinkingPart(provider_data={"anthropic": {"redacted": "ZGF0YQ=="}})
FOREIGN = ThinkingPart(text="hm", provider_data={"openai": {"item": {}}})
TEXT = TextPart("Yes.")
ANSWERS: tuple[tuple[Any, ...], ...] = (
    (),
    (TEXT,),
    (SIGNED, TEXT),
    (HIDDEN,),
    (SIGNED, HIDDEN, TEXT, TEXT),
    (FOREIGN, TEXT),
)
TURNS = st.tuples(st.sampled_from(["user", "says", "calls"]), st.sampled_from(ANSWERS))
TOOLS = (ToolSpec(name="search", description="Search."),)


def conversation(turns: list[tuple[str, tuple[Any, ...]]]) -> tuple[Message, ...]:
    """A conversation of the user, of answers, and of answers with a call and its result."""
    messages = [Message.user("Go")]
    for number, (kind, parts) in enumerate(turns):
        call = ToolCall(id=f"call_{number}", name="search")
        if kind == "user":
            messages.append(Message.user("And?"))
        elif kind == "says":
            messages.append(Message("assistant", parts))
        else:
            result = ToolResult(call_id=call.id, name="search", content=(TEXT,))
            messages += [Message("assistant", (*parts, call)), Message("tool", (result,))]
    return tuple(messages)


def may_force(keys: LLMSettings, parameters: GenerateParameters) -> bool:
    """Whether a demand for a tool gets past the check of capabilities."""
    is_forced = parameters.tool_choice not in {None, "auto", "none"}
    return not is_forced or keys.traits.can_force_tools


@settings(max_examples=500, deadline=None)
@given(
    model=MODELS,
    thinking=THINKING,
    parameters=PARAMETERS,
    messages=st.lists(TURNS, max_size=5).map(conversation),
    has_tools=st.booleans(),
)
def test_every_request_is_taken_or_refused(
    *,
    model: str,
    thinking: ThinkingSettings | None,
    parameters: GenerateParameters,
    messages: tuple[Message, ...],
    has_tools: bool,
) -> None:
    given_keys: dict[str, Any] = {"api_key": Secret("k"), "model": model, "thinking": thinking}
    try:
        keys = LLMSettings(**given_keys)
    except ValueError:
        assert thinking is not None
        assert not thinking.enabled
        return
    if not has_tools or not may_force(keys, parameters):
        parameters = attrs.evolve(parameters, tool_choice=None)
    request = LLMRequest(
        messages=messages,
        parameters=parameters,
        tools=TOOLS if has_tools else (),
        system="Be brief.",
    )
    try:
        body = body_of(request, keys)
    except UnsupportedError:
        assert parameters.temperature == 0
        return
    headers = {**headers_of(body, keys), "anthropic-version": "2026-10-21"}
    sent = WireRequest(method="POST", path="/v1/messages", headers=headers, body=encoded_json(body))
    seen = AnthropicWire().read(sent)
    assert seen.model == model
    assert seen.max_output_tokens == (parameters.max_output_tokens or keys.longest_answer)
