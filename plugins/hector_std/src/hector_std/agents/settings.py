"""Settings of the standard agent types, and their declarations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import attrs

from hector.spi import Advice, Doc, Duration, Length, NotYet, Range, Reference

__all__ = [
    "LLMAgentSettings",
    "LoopSettings",
    "ParallelSettings",
    "SequentialSettings",
]


def doubts(text: str) -> Iterable[tuple[str, str]]:
    """See `hector_std.agents.doubts`, whose patterns are made when there is an instruction to look at."""
    from hector_std.agents.doubts import doubts as found

    return found(text)


@attrs.frozen(kw_only=True)
class PromptSettings:
    """`agents.<name>.prompt`."""

    system_prompt: Annotated[
        str | None, Doc("takes the place of `instruction`"), Advice(doubts)
    ] = None
    role: Annotated[
        str | None, Doc("who the agent is; stands before the instruction"), Advice(doubts)
    ] = None
    guidance: Annotated[
        str | None, Doc("how to answer; stands after the instruction"), Advice(doubts)
    ] = None


@attrs.frozen(kw_only=True)
class ReasoningSettings:
    """`agents.<name>.reasoning`."""

    max_iterations: Annotated[
        int, Doc("model calls per invocation before it fails"), Range(minimum=1)
    ] = 100
    enable_exit_tool: Annotated[
        bool, Doc("offer `exit_loop`, which ends the agent and the loop around it")
    ] = False
    enable_escalate_tool: Annotated[
        bool, Doc("offer `escalate`, which ends the loop around it and says why")
    ] = False
    completion_instruction: Annotated[
        str | None, Doc("when to use those two; ends the system instruction"), Advice(doubts)
    ] = None
    termination_conditions: Annotated[
        tuple[str, ...] | None, NotYet("an answer without tool calls ends the run")
    ] = None


@attrs.frozen(kw_only=True)
class StructuredOutputSettings:
    """`agents.<name>.structured_output`."""

    schema: Annotated[dict[str, Any], Doc("JSON Schema of the answer")]
    strict: Annotated[bool, Doc("the provider must refuse anything else")] = True
    name: Annotated[
        str, Doc("name of the schema for the provider"), Length(minimum=1, maximum=64)
    ] = "response"


@attrs.frozen(kw_only=True)
class LLMAgentSettings:
    """`agents.<name>` of type `llm`."""

    llm: Annotated[str, Doc("the model it thinks with"), Reference("llm")] = "default"
    instruction: Annotated[
        str,
        Doc(
            "what the agent is told before every conversation; `{key}` stands for a key of the state"
        ),
        Advice(doubts),
    ] = ""
    global_instruction: Annotated[
        str, Doc("stands before everything else in the system instruction"), Advice(doubts)
    ] = ""
    prompt: Annotated[PromptSettings, Doc("parts of the system instruction")] = PromptSettings()
    tools: Annotated[
        tuple[str, ...] | None,
        Doc(
            "toolsets, or single tools as `toolset.tool`; all toolsets when left out, none when empty"
        ),
        Reference("toolset", is_all_when_omitted=True, allows_member=True),
    ] = None
    document_stores: Annotated[
        tuple[str, ...] | None,
        Doc("what its `search` tool searches; all when left out, none when empty"),
        Reference("document_store", is_all_when_omitted=True),
    ] = None
    sub_agents: Annotated[
        tuple[str, ...],
        Doc("agents it may hand the conversation to (`transfer_to_<name>`)"),
        Reference("agent"),
    ] = ()
    agent_tools: Annotated[
        tuple[str, ...], Doc("agents it may ask (`agent_call_<name>`)"), Reference("agent")
    ] = ()
    reasoning: Annotated[ReasoningSettings, Doc("the loop of model and tool calls")] = (
        ReasoningSettings()
    )
    streaming: Annotated[bool, Doc("whether the model's answer is passed on piece by piece")] = True
    structured_output: Annotated[
        StructuredOutputSettings | None, Doc("the answer is JSON of this schema")
    ] = None
    tool_timeout: Annotated[
        float,
        Doc("deadline of a tool call whose tool states none"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = 300.0
    context: Annotated[dict[str, Any] | None, NotYet("the whole conversation is sent")] = None
    include_context: Annotated[
        bool | None, NotYet("give the agent a document store; it searches itself")
    ] = None
    include_context_limit: Annotated[int | None, NotYet("see include_context")] = None
    include_context_max_length: Annotated[int | None, NotYet("see include_context")] = None
    guardrails: Annotated[str | None, NotYet("guardrails come with their own plugin kind")] = None
    trigger: Annotated[dict[str, Any] | None, NotYet("agents are called over A2A")] = None
    notifications: Annotated[list[Any] | None, NotYet("agents are called over A2A")] = None


@attrs.frozen(kw_only=True)
class SequentialSettings:
    """`agents.<name>` of type `sequential`."""

    sub_agents: Annotated[
        tuple[str, ...],
        Doc("run one after the other on the same conversation"),
        Reference("agent"),
        Length(minimum=1),
    ]


@attrs.frozen(kw_only=True)
class ParallelSettings:
    """`agents.<name>` of type `parallel`."""

    sub_agents: Annotated[
        tuple[str, ...],
        Doc("run at the same time, each on a branch of its own"),
        Reference("agent"),
        Length(minimum=1),
    ]


@attrs.frozen(kw_only=True)
class LoopSettings:
    """`agents.<name>` of type `loop`."""

    sub_agents: Annotated[
        tuple[str, ...],
        Doc("run in order, again and again, until one escalates"),
        Reference("agent"),
        Length(minimum=1),
    ]
    max_iterations: Annotated[int, Doc("rounds after which the loop ends"), Range(minimum=1)] = 10
