"""Which agent a command talks to."""

from __future__ import annotations

import click

from hector.errors import UsageError
from hector.runtime import Runtime

__all__ = ["choose_agent", "warn_if_forgetful"]


def choose_agent(runtime: Runtime, given: str | None) -> str:
    """The agent that was named, or the first public one of the config, or else the first one.

    Raises:
        UsageError: the config has no agent.
        click.BadParameter: there is no agent of that name.
    """
    agents = runtime.agents
    if not agents:
        raise UsageError("the config has no agent", hint="add one under `agents:`")
    if given is None:
        public = (name for name, info in agents.items() if info.visibility == "public")
        return next(public, next(iter(agents)))
    if given not in agents:
        raise click.BadParameter(
            f"the config has no agent {given!r}. There are: {', '.join(agents)}.",
            param_hint="'--agent'",
        )
    return given


def warn_if_forgetful(runtime: Runtime) -> None:
    """Say that a session that was asked for by id is gone when the command ends."""
    if runtime.config.server.sessions.backend == "inmemory":
        click.echo(
            "warning: this config keeps no sessions: what is said now is forgotten at the end."
            " Set server.sessions.backend: sql to keep it.",
            err=True,
        )
