"""Configs whose agents take every kind of step there is, with models and tools that can be counted from outside."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import attrs

from hector.message import JSONObject, TextPart, ToolCall
from hector.spi import (
    BuildContext,
    Doc,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    Provider,
    TextDelta,
    Tool,
    ToolContext,
    ToolEffect,
    ToolSpec,
)

__all__ = ["AGENTS_WITH_TOOLS", "CASES", "Effects", "config_of", "planned_provider", "tools_of"]

Step = Callable[[str], None]
"""Told the name of a place where the process may die."""

PLANS: dict[str, list[list[str]]] = {
    "plain": [],
    "worker": [["write", "read"], ["write"]],
    "payer": [["write", "pay"], []],
    "boss": [["agent_call_worker", "write"], ["transfer_to_plain"]],
    "shopper": [["put_note"], ["get_text"], ["place_order"], ["charge"]],
}

CASES: dict[str, dict[str, Any]] = {
    "llm": {"type": "llm", "llm": "worker"},
    "sequential": {"type": "sequential", "sub_agents": ["worker", "plain"]},
    "loop": {"type": "loop", "sub_agents": ["worker", "plain"], "max_iterations": 2},
    "parallel": {"type": "parallel", "sub_agents": ["worker", "second"]},
    "nested": {
        "type": "llm",
        "llm": "boss",
        "agent_tools": ["worker"],
        "sub_agents": ["plain"],
    },
    "approval": {"type": "llm", "llm": "payer"},
}
"""By name, the agent `main`."""


AGENTS_WITH_TOOLS = ("main", "worker", "second")


class Effects:
    """A file to which every effect adds a line, and which a crash leaves as it is."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, tool: str, key: str, arguments: JSONObject) -> None:
        """Have an effect."""
        line = json.dumps([tool, key, arguments]) + "\n"
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def read(self) -> list[list[Any]]:
        """Every effect so far, in order."""
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text().splitlines()]


class PlannedLLM:
    """Says what its plan says next; how far it is, it reads from the conversation."""

    provider = "planned"

    def __init__(self, name: str, step: Step) -> None:
        self.model = name
        self._plan = PLANS.get(name, [])
        self._step = step

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        self._step("llm")
        said = sum(message.role == "assistant" for message in request.messages)
        offered = {tool.name for tool in request.tools}
        wanted = self._plan[said] if said < len(self._plan) else []
        calls = tuple(
            ToolCall(
                id=f"{self.model}-{said}-{at}-{len(request.messages)}",
                name=name,
                arguments={"request": f"from {self.model}"}
                if "agent_call" in name
                else {"n": said},
            )
            for at, name in enumerate(wanted)
            if name in offered
        )
        text = f"{self.model} says {said} after {len(request.messages)}"
        yield TextDelta(text)
        yield LLMResponse(
            parts=(TextPart(text), *calls), finish_reason="tool_calls" if calls else "stop"
        )


@attrs.frozen(kw_only=True)
class PlannedSettings:
    """Settings of `planned`."""

    plan: Annotated[str, Doc("name of the plan")]


def planned_provider(step: Step) -> Provider:
    """The provider of the models."""

    def create(settings: PlannedSettings, context: BuildContext) -> PlannedLLM:
        return PlannedLLM(settings.plan, step)

    return Provider(
        kind="llm", type="planned", settings=PlannedSettings, create=create, summary="a plan"
    )


class RecordedTool:
    """Has an effect that can be seen from outside, and may die before and after it."""

    def __init__(
        self, name: str, effect: ToolEffect, effects: Effects, step: Step, *, asks: bool = False
    ) -> None:
        schema: JSONObject = {"type": "object", "properties": {"n": {"type": "integer"}}}
        self.spec = ToolSpec(
            name=name, description=name, effect=effect, parameters=schema, needs_approval=asks
        )
        self._effects = effects
        self._step = step

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        self._step("before effect")
        self._effects.add(self.spec.name, context.idempotency_key, arguments)
        context.state[self.spec.name] = context.call_id
        self._step("after effect")
        return f"{self.spec.name} did {context.call_id}"


def tools_of(effects: Effects, step: Step) -> list[Tool]:
    """What agents may call."""
    return [
        RecordedTool("write", "idempotent", effects, step),
        RecordedTool("read", "pure", effects, step),
        RecordedTool("pay", "idempotent", effects, step, asks=True),
    ]


SHOPPER: dict[str, Any] = {"type": "llm", "llm": "shopper", "tools": ["shop"]}
"""The case `http`, which needs a service."""


def shop_at(url: str) -> dict[str, Any]:
    """HTTP tools with each kind of effect; their requests say which process makes them."""
    methods = {
        "put_note": ("PUT", "/note"),
        "get_text": ("GET", "/text?n={n}"),
        "place_order": ("POST", "/orders"),
        "charge": ("POST", "/charges"),
    }
    tools: dict[str, dict[str, Any]] = {
        name: {
            "description": name,
            "method": method,
            "path": path,
            "parameters": {"n": "integer"},
        }
        for name, (method, path) in methods.items()
    }
    tools["place_order"]["lookup"] = "/orders/{idempotency_key}"
    return {
        "type": "http",
        "base_url": url,
        "allowed_networks": ["127.0.0.0/8"],
        "headers": {"X-Worker": str(os.getpid())},
        "tools": tools,
    }


def config_of(case: str, database: dict[str, Any], service: str = "") -> dict[str, Any]:
    """The config whose agent `main` is the case; `service` is the address of the one that `http` needs."""
    names = ("plain", "worker", "payer", "boss", "shopper")
    agents: dict[str, Any] = {"main": dict(SHOPPER if case == "http" else CASES[case])}
    for name in ("plain", "worker"):
        agents[name] = {"type": "llm", "llm": name, "visibility": "internal"}
    agents["second"] = {"type": "llm", "llm": "worker", "visibility": "internal"}
    return {
        "name": "crash",
        "llms": {name: {"provider": "planned", "plan": name} for name in names},
        "tools": {"shop": shop_at(service)} if case == "http" and service else {},
        "databases": {"main": database},
        "server": {
            "sessions": {"backend": "sql", "database": "main"},
            "checkpoint": {
                "strategy": "hybrid",
                "before_llm": True,
                "recovery": {"heartbeat": "0.2s"},
            },
        },
        "agents": agents,
    }
