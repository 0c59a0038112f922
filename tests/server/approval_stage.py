"""A served runtime whose tools need approval, and what clients say to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
from a2a.types.a2a_pb2 import (
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    Task,
)
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Value
from server_stage import serving

from hector import Runtime
from hector.message import JSONObject, TextPart, ToolCall
from hector.spi import Tool, ToolContext, ToolEffect, ToolOutput, ToolSpec
from hector.testing import Reply, ScriptedLLM, scripted_provider
from hector_server import ServerOptions

__all__ = [
    "HELPER",
    "App",
    "Recorder",
    "app_config",
    "data_json",
    "data_part",
    "decide",
    "decision_for",
    "delete",
    "questions_of",
    "serving_app",
]

HELPER: dict[str, Any] = {"helper": {"description": "Helps.", "instruction": "Help."}}


class Recorder:
    """A tool that records what it was called with; it may need approval, and may wait to be let on."""

    def __init__(
        self,
        name: str = "delete",
        *,
        needs_approval: bool = True,
        waits: bool = False,
        effect: ToolEffect = "unsafe",
        parameters: JSONObject | None = None,
    ) -> None:
        self.spec = ToolSpec(
            name=name,
            description="Acts.",
            parameters=parameters or {"type": "object"},
            needs_approval=needs_approval,
            effect=effect,
            approval_prompt="Delete {path}?" if needs_approval else "",
        )
        self.calls: list[JSONObject] = []
        self.ended_by: list[str] = []
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        if not waits:
            self.opened.set()

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput:
        self.calls.append(arguments)
        self.reached.set()
        try:
            await self.opened.wait()
        except BaseException as error:
            self.ended_by.append(type(error).__name__)
            raise
        return ToolOutput(content=(TextPart(f"{self.spec.name} done"),))


@attrs.frozen
class App:
    """One server."""

    http: httpx.AsyncClient
    runtime: Runtime
    llm: ScriptedLLM
    stop: asyncio.Event


def app_config(
    database: Path | dict[str, Any] | None, server: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One agent, which keeps its sessions in a file or a database if one is named."""
    config: dict[str, Any] = {
        "name": "app",
        "llms": {"default": {"provider": "scripted"}},
        "agents": HELPER,
        "server": dict(server or {}),
    }
    if database is not None:
        file = {"driver": "sqlite", "database": str(database)}
        config["databases"] = {"main": database if isinstance(database, dict) else file}
        config["server"]["sessions"] = {"backend": "sql", "database": "main"}
    return config


@asynccontextmanager
async def serving_app(
    *replies: Reply,
    tools: Sequence[Tool],
    database: Path | dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    options: ServerOptions | None = None,
    shutdown_timeout_s: float = 1.0,
) -> AsyncGenerator[App]:
    """Serve one agent with these tools on a free port."""
    llm, stop = ScriptedLLM(*replies), asyncio.Event()
    async with (
        Runtime.open(
            app_config(database, server),
            env={},
            providers=(scripted_provider(llm),),
            direct_tools={"helper": tuple(tools)},
        ) as runtime,
        serving(runtime, options, shutdown_timeout_s=shutdown_timeout_s, stop=stop) as http,
    ):
        yield App(http, runtime, llm, stop)


def delete(path: str, id: str = "c1") -> ToolCall:
    """The call that the tests are about."""
    return ToolCall(id=id, name="delete", arguments={"path": path})


def questions_of(task: Task) -> list[dict[str, Any]]:
    """The data parts of the status message that ask."""
    parts = [MessageToDict(part) for part in task.status.message.parts]
    return [part["data"] for part in parts if "data" in part]


def decision_for(question: dict[str, Any], choice: str = "approve", **more: Any) -> dict[str, Any]:
    """A decision about what is asked."""
    return {
        "type": "tool_approval",
        "callId": question["callId"],
        "callHash": question["callHash"],
        "decision": choice,
        **more,
    }


def data_json(data: dict[str, Any]) -> dict[str, Any]:
    """The same part as JSON."""
    return {"data": data, "mediaType": "application/json"}


def data_part(data: dict[str, Any]) -> Part:
    """A part of the official SDK."""
    value = Value()
    value.struct_value.update(data)
    return Part(data=value, media_type="application/json")


def decide(
    task: Task, *decisions: dict[str, Any], configuration: SendMessageConfiguration | None = None
) -> SendMessageRequest:
    """A message that decides."""
    return SendMessageRequest(
        message=Message(
            message_id="m2",
            role=Role.ROLE_USER,
            parts=[data_part(item) for item in decisions],
            task_id=task.id,
        ),
        configuration=configuration,
    )
