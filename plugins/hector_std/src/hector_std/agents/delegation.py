"""The tools through which an agent reaches other agents and ends loops."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, cast

from hector.errors import ToolArgumentsError, ToolError
from hector.message import Actions, DataPart, Event, JSONObject, TextPart
from hector.spi import Agent, ToolContext, ToolOutput, ToolSpec

__all__ = ["AgentTool", "EscalateTool", "ExitLoopTool", "TransferTool"]


def _schema(**properties: str) -> JSONObject:
    return {
        "type": "object",
        "properties": {
            name: {"type": "string", "description": text} for name, text in properties.items()
        },
        "additionalProperties": False,
    }


class TransferTool:
    """`transfer_to_<name>`: the other agent takes the conversation over."""

    __slots__ = ("agent", "spec")

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        about = f" {agent.name}: {agent.description}" if agent.description else ""
        self.spec = ToolSpec(
            name=f"transfer_to_{agent.name}",
            description=f"Hand the conversation over to the agent {agent.name}.{about}",
            parameters=_schema(request="why, in a sentence"),
            effect="pure",
        )

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput:
        """Say that the other agent takes over; the calling agent acts on it."""
        return ToolOutput(
            content=(TextPart(f"{self.agent.name} takes over."),),
            actions=Actions(transfer_to=self.agent.name),
        )


class AgentTool:
    """`agent_call_<name>`: the other agent answers a request on a branch of its own."""

    __slots__ = ("agent", "spec")

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        about = f" {agent.description}" if agent.description else ""
        parameters: JSONObject = {
            **_schema(request="everything the agent needs to know"),
            "required": ["request"],
        }
        self.spec = ToolSpec(
            name=f"agent_call_{agent.name}",
            description=f"Ask the agent {agent.name} and get its answer.{about}",
            parameters=parameters,
            effect="idempotent",  # what it does are steps of the same log: run again, it goes on with them
        )

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput:
        """Run the other agent on `request`; its events are passed on while it works."""
        request = arguments.get("request")
        if not isinstance(request, str) or not request.strip():
            raise ToolArgumentsError("`request` must be a text that is not empty")
        answer: Event | None = None
        events = cast(
            "Any", context.invocation.call_agent(self.agent, request, call_id=context.call_id)
        )
        async with aclosing(events):
            async for event in events:
                context.emit(event)
                if event.kind == "message" and event.author != "user":
                    answer = event
        parts = () if answer is None else answer.parts
        content = tuple(part for part in parts if isinstance(part, TextPart | DataPart))
        if not content:
            raise ToolError(f"{self.agent.name} gave no answer.")
        return ToolOutput(content=content)


class ExitLoopTool:
    """`exit_loop`: the work is done."""

    spec = ToolSpec(
        name="exit_loop",
        description="End the loop: the work is done and needs no further round.",
        parameters=_schema(),
        effect="pure",
    )

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput:
        """End the agent and the loop around it."""
        return ToolOutput(
            content=(TextPart("The loop ends."),), actions=Actions(escalate=True, end=True)
        )


class EscalateTool:
    """`escalate`: somebody else must go on."""

    spec = ToolSpec(
        name="escalate",
        description="Stop here and hand the matter to whoever is above, saying why.",
        parameters={**_schema(reason="what is in the way"), "required": ["reason"]},
        effect="pure",
    )

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput:
        """End the agent and the loop around it, with the reason as the result."""
        reason = arguments.get("reason")
        if not isinstance(reason, str):
            raise ToolArgumentsError("`reason` must be a text")
        return ToolOutput(
            content=(TextPart(f"Escalated: {reason}"),), actions=Actions(escalate=True, end=True)
        )
