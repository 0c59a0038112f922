"""The agent card (A2A 1.0 sections 4.4.1 and 8)."""

from __future__ import annotations

from hector import __version__
from hector.message import JSONObject, JSONValue
from hector_server.host import AgentInfo, Skill

__all__ = ["agent_card", "agent_url", "card_url"]

CARD_PATH = "/.well-known/agent-card.json"


def agent_url(base_url: str, name: str) -> str:
    """Where the agent is called."""
    return f"{base_url}/agents/{name}"


def card_url(base_url: str, name: str) -> str:
    """Where the agent's card is."""
    return agent_url(base_url, name) + CARD_PATH


def agent_card(agent: AgentInfo, *, base_url: str, version: str) -> JSONObject:
    """Describe an agent to clients that reach the server at `base_url`.

    Args:
        agent: whom.
        base_url: scheme, host and path prefix, without a slash at the end.
        version: of the application; Hector's own when empty.
    """
    title = agent.title or agent.name
    description = agent.description or f"The agent {title}."
    skills: list[JSONValue] = [_skill(skill) for skill in agent.skills]
    if not skills:
        skills = [
            {"id": agent.name, "name": title, "description": description, "tags": ["agent"]},
        ]
    return {
        "name": title,
        "description": description,
        "version": version or __version__,
        "supportedInterfaces": [
            {
                "url": agent_url(base_url, agent.name),
                "protocolBinding": "JSONRPC",
                "protocolVersion": "1.0",
            }
        ],
        "capabilities": {
            "streaming": True,
            "pushNotifications": False,
            "extendedAgentCard": False,
        },
        "defaultInputModes": list(agent.input_modes) or ["text/plain"],
        "defaultOutputModes": list(agent.output_modes) or ["text/plain"],
        "skills": skills,
    }


def _skill(skill: Skill) -> JSONObject:
    entry: dict[str, JSONValue] = {
        "id": skill.id,
        "name": skill.name or skill.id,
        "description": skill.description or skill.name or skill.id,
        "tags": list(skill.tags),
    }
    if skill.examples:
        entry["examples"] = list(skill.examples)
    return entry
