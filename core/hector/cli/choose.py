"""Which agent a command talks to."""

from __future__ import annotations

from hector.errors import UsageError
from hector.runtime import Runtime

__all__ = ["choose_agent"]


def choose_agent(runtime: Runtime, given: str | None) -> str:
    """The agent that was named, or the first public one of the config.

    Raises:
        UsageError: the config has no agent.
        ComponentNotFoundError: there is no agent of that name.
    """
    if given is not None:
        runtime.agent(given)
        return given
    names = [name for name, info in runtime.agents.items() if info.visibility == "public"] or list(
        runtime.agents
    )
    if not names:
        raise UsageError("the config has no agent", hint="add one under `agents:`")
    return names[0]
