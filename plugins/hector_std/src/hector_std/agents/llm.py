"""The LLM agent: ask the model, run the tools it calls, ask again, until it answers."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Mapping, Sequence
from hashlib import blake2b

import attrs

from hector.errors import IterationLimitError, LLMContentBlockedError, LLMResponseError
from hector.message import Event, TextPart, ToolCall
from hector.spi import (
    LLM,
    Agent,
    GenerateParameters,
    Invocation,
    LLMRequest,
    Tool,
    Toolset,
    with_spec,
)
from hector_std.agents.delegation import AgentTool, EscalateTool, ExitLoopTool, TransferTool
from hector_std.agents.instruction import Instruction
from hector_std.agents.progress import count_of

__all__ = ["LLMAgent", "ToolSource"]


@attrs.frozen
class ToolSource:
    """A toolset as an agent uses it.

    Attributes:
        name: the toolset's name in the config; the prefix where two tools have one name.
        toolset: the toolset.
        members: the tools it may use, or None for all.
    """

    name: str
    toolset: Toolset
    members: frozenset[str] | None = None


def _free_name(wanted: str, taken: Mapping[str, object]) -> str:
    """`wanted`, cut to what models accept, with a number behind it if that is taken too."""
    name, number = wanted[:64], 2
    while name in taken:
        name, number = f"{wanted[:61]}_{number}", number + 1
    return name


def _cache_key(invocation: Invocation) -> str:
    """The same for every request of one agent in one session; it names nobody."""
    names = (invocation.app, invocation.user, invocation.session, invocation.agent)
    return blake2b("\0".join(names).encode(errors="replace"), digest_size=16).hexdigest()


class LLMAgent:
    """Implements `hector.spi.Agent`.

    Args:
        name: see `hector.spi.Agent`.
        llm: the model.
        description: what it is good for.
        instruction: the whole system instruction, as a template; see `Instruction`.
        tools: tools that are always there; they win over a toolset's of the same name.
        sources: toolsets, asked anew before every model call; of two tools with one name the later is offered as
            `<toolset>_<tool>`.
        sub_agents: offered as `transfer_to_<name>`.
        agent_tools: offered as `agent_call_<name>`.
        max_iterations: model calls per invocation, > 0.
        is_streaming: whether deltas are passed on.
        parameters: sent with every model call.
        tool_timeout_s: deadline of a tool call whose tool states none.
        has_exit_tool, has_escalate_tool: offer `exit_loop`, `escalate`.
    """

    __slots__ = (
        "_fixed",
        "_instruction",
        "_is_streaming",
        "_llm",
        "_max_iterations",
        "_parameters",
        "_sources",
        "_specs",
        "_sub_agents",
        "_tool_timeout_s",
        "description",
        "name",
    )

    def __init__(
        self,
        *,
        name: str,
        llm: LLM,
        description: str = "",
        instruction: str = "",
        tools: Sequence[Tool] = (),
        sources: Sequence[ToolSource] = (),
        sub_agents: Sequence[Agent] = (),
        agent_tools: Sequence[Agent] = (),
        max_iterations: int = 100,
        is_streaming: bool = True,
        parameters: GenerateParameters | None = None,
        tool_timeout_s: float = 300.0,
        has_exit_tool: bool = False,
        has_escalate_tool: bool = False,
    ) -> None:
        self.name = name
        self.description = description
        self._llm = llm
        self._instruction = Instruction(instruction, agent=name)
        self._sources = tuple(sources)
        self._sub_agents: Mapping[str, Agent] = {agent.name: agent for agent in sub_agents}
        self._max_iterations = max_iterations
        self._is_streaming = is_streaming
        self._parameters = parameters or GenerateParameters()
        self._tool_timeout_s = tool_timeout_s
        fixed: list[Tool] = [*tools, *map(TransferTool, sub_agents), *map(AgentTool, agent_tools)]
        if has_exit_tool:
            fixed.append(ExitLoopTool())
        if has_escalate_tool:
            fixed.append(EscalateTool())
        self._fixed: Mapping[str, Tool] = {tool.spec.name: tool for tool in fixed}
        self._specs = tuple(tool.spec for tool in self._fixed.values())

    def tools(self) -> Mapping[str, Tool]:
        """The tools the model is offered now, by name."""
        if not self._sources:
            return self._fixed
        table = dict(self._fixed)
        for source in self._sources:
            for tool in source.toolset.tools():
                name = tool.spec.name
                if source.members is not None and name not in source.members:
                    continue
                if name in table:
                    name = _free_name(f"{source.name}_{name}", table)
                    table[name] = with_spec(tool, attrs.evolve(tool.spec, name=name))
                else:
                    table[name] = tool
        return table

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        """See `hector.spi.Agent.run`.

        Raises:
            LLMError: the model could not be asked, or answered nothing.
            InstructionError: the instruction names something that is not there.
            IterationLimitError: `max_iterations` calls brought no answer without tool calls.
        """
        for iteration in range(count_of(invocation.resumed()), self._max_iterations):
            invocation.progress(iteration)
            tools = self.tools()
            answer: Event | None = None
            request = functools.partial(self._request, invocation, tools)
            async for event in invocation.generate(self._llm, request):
                yield event
                answer = event
            calls = self._calls(answer)
            if not calls:
                return
            successor: Agent | None = None
            is_done = False
            async for event in invocation.call_tools(calls, tools, timeout_s=self._tool_timeout_s):
                yield event
                if (
                    event.actions is not None
                    and event.kind == "tool_result"
                    and event.branch == invocation.branch
                ):
                    successor = self._sub_agents.get(event.actions.transfer_to or "", successor)
                    is_done = is_done or event.actions.end
            if successor is not None:
                async for event in invocation.run(successor):
                    yield event
                return
            if is_done:
                return
        raise IterationLimitError(
            self.name,
            f"made {self._max_iterations} model calls without an answer",
            hint=f"raise agents.{self.name}.reasoning.max_iterations, or give it a clearer instruction",
        )

    async def _request(self, invocation: Invocation, tools: Mapping[str, Tool]) -> LLMRequest:
        specs = self._specs if tools is self._fixed else tuple(tool.spec for tool in tools.values())
        return LLMRequest(
            messages=invocation.history(),
            system=await self._instruction.fill(invocation),
            tools=specs,
            parameters=self._parameters,
            is_streaming=self._is_streaming,
            cache_key=_cache_key(invocation),
        )

    def _calls(self, answer: Event | None) -> list[ToolCall]:
        parts = answer.parts if answer is not None else ()
        calls = [part for part in parts if isinstance(part, ToolCall)]
        if calls or any(not isinstance(part, TextPart) or part.text for part in parts):
            return calls
        reason = answer.finish_reason if answer is not None else None
        if reason in {"refusal", "content_filter"}:
            raise LLMContentBlockedError(
                f"{self._llm.model} declined to answer (finish reason: {reason})",
                provider=self._llm.provider,
                model=self._llm.model,
                hint="ask in other words",
            )
        hint = (
            "raise max_tokens: the model stopped before it wrote anything"
            if reason == "length"
            else None
        )
        raise LLMResponseError(
            f"{self._llm.model} answered nothing (finish reason: {reason})",
            provider=self._llm.provider,
            hint=hint,
        )
