"""From settings to agents."""

from __future__ import annotations

from collections.abc import Sequence

from hector.errors import ComponentOpenError
from hector.spi import BuildContext, DocumentStore, GenerateParameters, StructuredOutput, Tool
from hector_std.agents.llm import LLMAgent, ToolSource
from hector_std.agents.parallel import ParallelAgent
from hector_std.agents.settings import (
    LLMAgentSettings,
    LoopSettings,
    ParallelSettings,
    SequentialSettings,
)
from hector_std.agents.workflow import LoopAgent, SequentialAgent

__all__ = ["llm_agent", "loop_agent", "parallel_agent", "sequential_agent"]

COMPLETION = (
    "When the task is done, or cannot be done, say so with the tool for it instead of going on."
)


def system_instruction(settings: LLMAgentSettings) -> str:
    """Everything an agent is told before the conversation, in a fixed order, separated by blank lines."""
    prompt, reasoning = settings.prompt, settings.reasoning
    has_control_tool = reasoning.enable_exit_tool or reasoning.enable_escalate_tool
    parts = (
        settings.global_instruction,
        prompt.role,
        prompt.system_prompt if prompt.system_prompt is not None else settings.instruction,
        prompt.guidance,
        reasoning.completion_instruction or (COMPLETION if has_control_tool else None),
    )
    return "\n\n".join(part.strip() for part in parts if part and part.strip())


def _sources(names: Sequence[str], context: BuildContext) -> list[ToolSource]:
    """`files` takes a whole toolset, `files.read_file` one tool of it; both may name the same toolset."""
    members: dict[str, set[str] | None] = {}
    for reference in names:
        toolset, _, member = reference.partition(".")
        if not member:
            members[toolset] = None
        elif (chosen := members.setdefault(toolset, set())) is not None:
            chosen.add(member)
    return [_source(name, chosen, context) for name, chosen in members.items()]


def _source(name: str, chosen: set[str] | None, context: BuildContext) -> ToolSource:
    toolset = context.toolset(name)
    known = {tool.spec.name for tool in toolset.tools()}
    unknown = sorted((chosen or set()) - known)
    if known and unknown:  # a toolset without any tool may be a server that is down
        raise ComponentOpenError(
            context.path,
            f"wants {name}.{unknown[0]}, which is not among the tools of `{name}`",
            hint=f"there are: {', '.join(sorted(known))}",
        )
    return ToolSource(name, toolset, None if chosen is None else frozenset(chosen))


def _search_tools(stores: Sequence[DocumentStore]) -> list[Tool]:
    if not stores:
        return []
    from hector_std.search_tool import SearchTool

    return [SearchTool(stores)]


def llm_agent(settings: LLMAgentSettings, context: BuildContext) -> LLMAgent:
    """Type `llm`."""
    toolsets = context.names("toolset") if settings.tools is None else settings.tools
    stores = (
        context.names("document_store")
        if settings.document_stores is None
        else settings.document_stores
    )
    output = settings.structured_output
    structured = (
        StructuredOutput(schema=output.schema, name=output.name, is_strict=output.strict)
        if output
        else None
    )
    injected = context.injected
    return LLMAgent(
        name=context.name,
        description=context.description,
        llm=context.llm(settings.llm),
        instruction=system_instruction(settings),
        tools=(
            *injected.tools,
            *_search_tools([context.document_store(name) for name in dict.fromkeys(stores)]),
        ),
        sources=_sources(toolsets, context),
        sub_agents=(*map(context.agent, settings.sub_agents), *injected.sub_agents),
        agent_tools=(*map(context.agent, settings.agent_tools), *injected.agent_tools),
        max_iterations=settings.reasoning.max_iterations,
        is_streaming=settings.streaming,
        parameters=GenerateParameters(structured_output=structured),
        tool_timeout_s=settings.tool_timeout,
        has_exit_tool=settings.reasoning.enable_exit_tool,
        has_escalate_tool=settings.reasoning.enable_escalate_tool,
    )


def sequential_agent(settings: SequentialSettings, context: BuildContext) -> SequentialAgent:
    """Type `sequential`."""
    agents = (*map(context.agent, settings.sub_agents), *context.injected.sub_agents)
    return SequentialAgent(name=context.name, agents=agents, description=context.description)


def parallel_agent(settings: ParallelSettings, context: BuildContext) -> ParallelAgent:
    """Type `parallel`."""
    agents = (*map(context.agent, settings.sub_agents), *context.injected.sub_agents)
    return ParallelAgent(name=context.name, agents=agents, description=context.description)


def loop_agent(settings: LoopSettings, context: BuildContext) -> LoopAgent:
    """Type `loop`."""
    agents = (*map(context.agent, settings.sub_agents), *context.injected.sub_agents)
    return LoopAgent(
        name=context.name,
        agents=agents,
        max_iterations=settings.max_iterations,
        description=context.description,
    )
