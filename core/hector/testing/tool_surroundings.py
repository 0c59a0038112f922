"""The surroundings of a tool call that no agent makes."""

from __future__ import annotations

from hector.agent import AgentInvocation, SessionLog
from hector.message import Message
from hector.session import InMemorySessions
from hector.spi import SessionKey, ToolContext

__all__ = ["tool_context"]


async def tool_context(
    call_id: str = "call-1", *, user: str = "user", session: str = "session"
) -> ToolContext:
    """The context of a call in an invocation of its own, to call a tool in a test.

    The session is empty and in memory. What the call sets in `state` stays in the context; what it saves in
    `artifacts` is never committed; nobody watches what it emits.

    ```python
    tools = {tool.spec.name: tool for tool in toolset.tools()}
    assert await tools["add"].call({"left": 1, "right": 2}, await tool_context()) == 3
    ```

    Args:
        call_id: the `ToolCall.id`; the idempotency key follows from it, so that two contexts of one id are those of a
            call that is run again.
        user: who asks.
        session: the session's id.
    """
    sessions = InMemorySessions()
    log = SessionLog(sessions, await sessions.create(SessionKey("test", user, session)))
    invocation = AgentInvocation(
        id="invocation", agent="agent", message=Message.user("Hello"), log=log, generation=1
    )
    return ToolContext(
        call_id=call_id, idempotency_key=f"invocation:{call_id}", invocation=invocation
    )
