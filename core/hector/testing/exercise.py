"""Using a component of any kind a little, as the runtime would: the least that makes it do its work."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, Final, cast

from hector.agent import AgentInvocation, SessionLog
from hector.errors import HectorError
from hector.message import Event, Message, TextPart
from hector.session import InMemorySessions
from hector.spi import (
    LLM,
    Agent,
    Chunker,
    Document,
    DocumentParser,
    DocumentSource,
    Embedder,
    Kind,
    LLMRequest,
    RawDocument,
    SessionKey,
    Sessions,
    Toolset,
    VectorRecord,
    VectorStore,
)
from hector.testing.tool_arguments import fitting_arguments
from hector.testing.tool_surroundings import tool_context

__all__ = ["exercise"]

_TEXT: Final = "# Bees\n\nBees make honey.\n"
_VECTOR: Final = (1.0, 0.0, 0.5, 0.0)
_KEY: Final = SessionKey("exercise", "ada", "s")


async def exercise(kind: Kind, component: Any) -> None:
    """Call a component.

    An error of Hector's tree is an answer, too: what is behind the component may be away.

    Args:
        kind: of the component.
        component: an open one; several calls may run at the same time.
    """
    try:
        await _CALLS[kind](component)
    except HectorError:
        return


async def _call_llm(llm: LLM) -> None:
    request = LLMRequest(messages=(Message.user("Hello, who are you?"),))
    async with aclosing(cast("AsyncGenerator[Any]", llm.generate(request))) as chunks:
        async for _ in chunks:
            pass


async def _call_embedder(embedder: Embedder) -> None:
    await embedder.embed(["Bees make honey.", ""])
    await embedder.embed(["honey"], purpose="query")


async def _call_vector_store(store: VectorStore) -> None:
    await store.create_collection("exercise", dimension=len(_VECTOR))
    await store.upsert("exercise", [VectorRecord(id="one", vector=_VECTOR, text="Bees")])
    await store.search("exercise", _VECTOR, limit=1)
    await store.delete("exercise", ids=["one"])


async def _call_toolset(toolset: Toolset) -> None:
    """Lists the tools, calls those that are `pure`, and one of the others wrongly: a right call may do harm."""
    context = await tool_context()
    tools = toolset.tools()
    for tool in tools:
        arguments = fitting_arguments(tool.spec.parameters) if tool.spec.effect == "pure" else None
        if arguments is not None:
            with suppress(HectorError):
                await tool.call(arguments, context)
    for tool in tools:
        if tool.spec.parameters.get("additionalProperties") is False:
            await tool.call({"no_such_argument": 1}, context)
            return


async def _call_agent(agent: Agent) -> None:
    sessions = InMemorySessions()
    log = SessionLog(sessions, await sessions.create(_KEY))
    message = Message.user("Hello")
    invocation = AgentInvocation(id="i", agent=agent.name, message=message, log=log, generation=1)
    await log.append(invocation.make("started", message.parts, author="user"))
    async with aclosing(invocation.drive(agent)) as events:
        async for _ in events:
            pass


async def _call_source(source: DocumentSource) -> None:
    async with aclosing(cast("AsyncGenerator[Any]", source.documents())) as documents:
        async for _ in documents:
            pass


async def _call_parser(parser: DocumentParser) -> None:
    raw = RawDocument(id="bees.md", data=_TEXT.encode(), media_type="text/markdown", name="bees.md")
    if parser.accepts(raw):
        parser.parse(raw)


async def _call_chunker(chunker: Chunker) -> None:
    list(chunker.chunk(Document(id="bees.md", text=_TEXT)))


async def _call_sessions(sessions: Sessions) -> None:
    if await sessions.load(_KEY) is None:
        await sessions.create(_KEY)
    session = await sessions.load(_KEY)
    if session is None:  # another call has deleted it
        return
    event = Event(
        id=f"e{session.head}",
        kind="message",
        invocation_id="i",
        author="helper",
        parts=(TextPart("Bees"),),
        timestamp=1.5,
    )
    await sessions.append(_KEY, [event], head=session.head, epoch=session.epoch)
    await sessions.delete(_KEY)


_CALLS: Final[Mapping[Kind, Callable[[Any], Awaitable[None]]]] = {
    "llm": _call_llm,
    "embedder": _call_embedder,
    "vector_store": _call_vector_store,
    "toolset": _call_toolset,
    "agent": _call_agent,
    "document_source": _call_source,
    "document_parser": _call_parser,
    "chunker": _call_chunker,
    "session_backend": _call_sessions,
}
