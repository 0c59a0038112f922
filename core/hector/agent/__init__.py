"""The invocation: context, model and tool calls as durable steps."""

from __future__ import annotations

from hector.agent.approving import Approver, misfits
from hector.agent.cancellation import is_cancelled
from hector.agent.invocation import AgentInvocation
from hector.agent.log import SessionLog
from hector.agent.replay import NOTHING_RECORDED, Replay, call_id_of
from hector.agent.running_calls import RunningCalls

__all__ = [
    "NOTHING_RECORDED",
    "AgentInvocation",
    "Approver",
    "Replay",
    "RunningCalls",
    "SessionLog",
    "call_id_of",
    "is_cancelled",
    "misfits",
]
