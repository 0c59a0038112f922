"""What can be read with GET."""

from __future__ import annotations

import attrs
import pytest
from a2a.client import A2ACardResolver
from server_stage import Agent, Stage, serving, text_agent

from hector import __version__
from hector_server import ServerOptions


@attrs.frozen
class Ability:
    id: str = "search"
    name: str = "Search"
    description: str = "Finds things."
    tags: tuple[str, ...] = ("find",)
    examples: tuple[str, ...] = ("Find my keys.",)


async def test_the_sdk_resolves_the_default_card_at_the_root() -> None:
    async with serving(Stage(text_agent("A"), text_agent("B", name="other"))) as http:
        card = await A2ACardResolver(http, str(http.base_url)).get_agent_card()

        assert card.name == "helper"
        assert card.version == "1.2.3"
        assert card.supported_interfaces[0].url == str(http.base_url.join("/agents/helper"))
    assert card.supported_interfaces[0].protocol_binding == "JSONRPC"
    assert card.supported_interfaces[0].protocol_version == "1.0"
    assert card.capabilities.streaming
    assert not card.capabilities.push_notifications
    assert list(card.default_input_modes) == ["text/plain"]
    assert card.skills[0].id == "helper"
    assert card.skills[0].description == "Answers."


async def test_a_card_says_what_the_config_says() -> None:
    agent = Agent(
        name="helper",
        script=text_agent("A").script,
        title="The Helper",
        description="Helps.",
        skills=(Ability(),),
        input_modes=("text/plain", "image/*"),
        output_modes=("text/markdown",),
    )
    options = ServerOptions(public_url="https://agents.example.com/x/", default_agent="helper")
    async with serving(Stage(text_agent("A", name="first"), agent), options) as http:
        card = (await http.get("/.well-known/agent-card.json")).json()

    assert card["name"] == "The Helper"
    assert card["supportedInterfaces"][0]["url"] == "https://agents.example.com/x/agents/helper"
    assert card["defaultInputModes"] == ["text/plain", "image/*"]
    assert card["defaultOutputModes"] == ["text/markdown"]
    assert card["skills"] == [
        {
            "id": "search",
            "name": "Search",
            "description": "Finds things.",
            "tags": ["find"],
            "examples": ["Find my keys."],
        }
    ]


async def test_a_card_is_cached_until_it_changes() -> None:
    stage = Stage(text_agent("A"))
    async with serving(stage) as http:
        first = await http.get("/agents/helper")
        etag = first.headers["etag"]
        known = await http.get("/agents/helper", headers={"If-None-Match": f'"x", W/{etag}'})
        stage.config = attrs.evolve(stage.config, version="2.0.0")
        changed = await http.get("/agents/helper", headers={"If-None-Match": etag})

    assert first.headers["cache-control"] == "public, max-age=60"
    assert (known.status_code, known.content) == (304, b"")
    assert changed.status_code == 200
    assert changed.json()["version"] == "2.0.0"
    assert changed.headers["etag"] != etag


async def test_a_reload_shows_at_once() -> None:
    stage = Stage(text_agent("A"))
    async with serving(stage) as http:
        stage.agents = {"new": text_agent("B", name="new")}
        stage.generation = 8
        listed = (await http.get("/agents")).json()
        gone = await http.get("/agents/helper")
        health = (await http.get("/health")).json()

    assert [card["name"] for card in listed["agents"]] == ["new"]
    assert gone.status_code == 404
    assert health["generation"] == 8


@pytest.mark.parametrize(("status", "code"), [("ok", 200), ("degraded", 200), ("closing", 503)])
async def test_health_is_what_the_host_says(status: str, code: int) -> None:
    stage = Stage(text_agent("A"))
    stage.status = status
    async with serving(stage) as http:
        reply = await http.get("/health")

    assert reply.status_code == code
    assert reply.json() == {
        "status": status,
        "generation": 7,
        "agents": 1,
        "version": __version__,
    }


async def test_metrics_are_served_when_they_are_on() -> None:
    measured = (b"hector_runs_total 1\n", "text/plain; version=1.0.0")
    options = ServerOptions(metrics_path="/measured")
    async with serving(Stage(text_agent("A"), metrics=measured), options) as http:
        reply = await http.get("/measured")
        elsewhere = await http.get("/metrics")
    async with serving(Stage(text_agent("A"))) as http:
        off = await http.get("/metrics")

    assert (reply.content, reply.headers["content-type"]) == measured
    assert elsewhere.status_code == 404
    assert off.status_code == 404
    assert "server.observability.metrics.enabled" in off.json()["error"]["message"]


async def test_the_front_page_names_agents_cards_and_a_command() -> None:
    async with serving(Stage(text_agent("A"))) as http:
        page = await http.get("/")
        base = str(http.base_url).rstrip("/")

    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert f"  call  {base}/agents/helper\n" in page.text
    assert f"  card  {base}/agents/helper/.well-known/agent-card.json\n" in page.text
    assert f"  curl {base}/agents/helper -H 'Content-Type: application/json'" in page.text


async def test_without_a_public_agent_the_pages_say_so() -> None:
    hidden = Agent(name="helper", script=text_agent("A").script, visibility="private")
    async with serving(Stage(hidden)) as http:
        page = await http.get("/")
        card = await http.get("/.well-known/agent-card.json")

    assert page.text.endswith("No agent is public.\n")
    assert card.status_code == 404
