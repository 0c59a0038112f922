"""The invocation: context, model and tool calls as durable steps."""

from __future__ import annotations

from hector.agent.cancellation import is_cancelled
from hector.agent.invocation import AgentInvocation
from hector.agent.log import SessionLog

__all__ = ["AgentInvocation", "SessionLog", "is_cancelled"]
