"""What can be read with GET: cards, the list of agents, health, metrics and a page for people."""

from __future__ import annotations

import hashlib
import json
import shlex

from starlette.requests import Request
from starlette.responses import Response

from hector import __version__
from hector.message import JSONObject, JSONValue
from hector_server.a2a import agent_card, agent_url, card_url
from hector_server.host import AgentInfo, Host
from hector_server.http.identity import public_agent
from hector_server.http.replies import base_url, json_reply, not_found, text_reply
from hector_server.options import ServerOptions
from hector_server.wire.json_text import write_json

__all__ = ["Pages", "curl_command", "default_agent"]


class Pages:
    """The pages of one host; each asks it anew, so that a reload shows at once."""

    def __init__(self, host: Host, options: ServerOptions) -> None:
        self._host = host
        self._options = options

    async def health(self, request: Request) -> Response:
        """`GET /health`: 200 while it serves, 503 while it closes."""
        health = self._host.health()
        return json_reply(
            {
                "status": health.status,
                "generation": self._host.generation,
                "agents": len(self._host.agents),
                "version": __version__,
            },
            status=503 if health.status == "closing" else 200,
            headers={"Cache-Control": "no-store"},
        )

    async def metrics(self, request: Request) -> Response:
        """`GET /metrics`: 404 when metrics are off."""
        measured = self._host.metrics()
        if measured is None:
            return not_found("metrics are off: set server.observability.metrics.enabled")
        body, content_type = measured
        return Response(body, headers={"Content-Type": content_type})

    async def agents(self, request: Request) -> Response:
        """`GET /agents`: the cards of all public agents, in config order."""
        base = self._base(request)
        cards: list[JSONValue] = [self._card(agent, base) for agent in _public_agents(self._host)]
        return json_reply({"agents": cards, "total": len(cards)}, headers={"Vary": "Host"})

    async def card(self, request: Request) -> Response:
        """`GET /agents/{name}` and its well-known path: the agent's card."""
        name: str = request.path_params["name"]
        agent = public_agent(self._host, name)
        if agent is None:
            return not_found(f"there is no agent `{name[:64]}` here: see /agents")
        return self._cached(request, self._card(agent, self._base(request)))

    async def default_card(self, request: Request) -> Response:
        """`GET /.well-known/agent-card.json`: the card of the default agent."""
        agent = default_agent(self._host, self._options)
        if agent is None:
            return not_found("no agent is public")
        return self._cached(request, self._card(agent, self._base(request)))

    async def index(self, request: Request) -> Response:
        """`GET /`: for people."""
        base = self._base(request)
        lines = [f"{self._host.name or 'Hector'} (Hector {__version__})", ""]
        for agent in _public_agents(self._host):
            lines.append(f"{agent.title or agent.name}: {agent.description or 'an agent'}")
            lines.append(f"  call  {agent_url(base, agent.name)}")
            lines.append(f"  card  {card_url(base, agent.name)}")
            lines.append("")
        chosen = default_agent(self._host, self._options)
        if chosen is None:
            lines.append("No agent is public.")
        else:
            lines.extend(["Try", f"  {curl_command(base, chosen)}"])
        return text_reply("\n".join([*lines, ""]), headers={"Vary": "Host"})

    def _base(self, request: Request) -> str:
        return base_url(request.scope, self._options.public_url)

    def _card(self, agent: AgentInfo, base: str) -> JSONObject:
        return agent_card(agent, base_url=base, version=self._host.config.version)

    def _cached(self, request: Request, card: JSONObject) -> Response:
        body = write_json(card)
        etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        headers = {
            "Cache-Control": f"public, max-age={self._options.card_max_age_s}",
            "ETag": etag,
            "Vary": "Host",
        }
        if _is_known(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")


def default_agent(host: Host, options: ServerOptions) -> AgentInfo | None:
    """The agent whose card stands at the root, or None when no agent is public."""
    if options.default_agent:
        return public_agent(host, options.default_agent)
    return next(iter(_public_agents(host)), None)


def curl_command(base: str, agent: AgentInfo) -> str:
    """A command that asks the agent something: the first example of its skills, if it has one."""
    examples = (example for skill in agent.skills for example in skill.examples)
    message = {
        "messageId": "1",
        "role": "ROLE_USER",
        "parts": [{"text": next(examples, "What can you do?")}],
    }
    call = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}}
    body = shlex.quote(json.dumps(call, separators=(",", ":"), ensure_ascii=False))
    headers = "-H 'Content-Type: application/json' -H 'A2A-Version: 1.0'"
    return f"curl {agent_url(base, agent.name)} {headers} -d {body}"


def _public_agents(host: Host) -> list[AgentInfo]:
    return [agent for agent in host.agents.values() if agent.visibility == "public"]


def _is_known(header: str, etag: str) -> bool:
    known = {item.strip().removeprefix("W/") for item in header.split(",")}
    return "*" in known or etag in known
