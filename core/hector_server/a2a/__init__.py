"""A2A 1.0 without the official SDK, which takes seconds to import: cards, methods, listings."""

from __future__ import annotations

from hector_server.a2a.card import agent_card, agent_url, card_url
from hector_server.a2a.methods import Caller, Methods, TaskStream
from hector_server.wire.errors import A2AError

__all__ = ["A2AError", "Caller", "Methods", "TaskStream", "agent_card", "agent_url", "card_url"]
