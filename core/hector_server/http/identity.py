"""Who calls, and which agents they may call."""

from __future__ import annotations

from starlette.types import Scope

from hector_server.host import AgentInfo, Host

__all__ = ["public_agent", "user_of"]

LOCAL_USER = "local"


def user_of(_scope: Scope) -> str:
    """Whose tasks and sessions the caller may see: everybody's are the same, as nobody can be authenticated yet."""
    return LOCAL_USER


def public_agent(host: Host, name: str) -> AgentInfo | None:
    """The agent if anybody may call it.

    Nobody can be authenticated yet, so internal and private agents are as good as absent.
    """
    agent = host.agents.get(name)
    return agent if agent is not None and agent.visibility == "public" else None
