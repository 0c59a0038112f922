"""Calls to a served agent: with the official SDK's client, and by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from a2a.client import A2ACardResolver, Client, ClientConfig, ClientFactory
from a2a.types.a2a_pb2 import (
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    StreamResponse,
    Task,
)

__all__ = [
    "ask",
    "call",
    "events_with_ids",
    "leave",
    "official_client",
    "params",
    "request",
    "send",
    "stream_events",
    "text_of",
]


async def official_client(
    http: httpx.AsyncClient, name: str = "helper", *, is_streaming: bool = True
) -> Client:
    """The SDK's client for an agent, from the card it found."""
    card = await A2ACardResolver(http, str(http.base_url.join(f"/agents/{name}"))).get_agent_card()
    config = ClientConfig(httpx_client=http, streaming=is_streaming)
    return ClientFactory(config).create(card)


def ask(
    text: str = "Hello",
    *,
    context_id: str = "",
    task_id: str = "",
    configuration: SendMessageConfiguration | None = None,
) -> SendMessageRequest:
    """A message of one text part."""
    return SendMessageRequest(
        message=Message(
            message_id="m1",
            role=Role.ROLE_USER,
            parts=[Part(text=text)],
            context_id=context_id,
            task_id=task_id,
        ),
        configuration=configuration,
    )


async def send(client: Client, request: SendMessageRequest) -> Task:
    """The one task that a call without streaming answers with."""
    (answer,) = [item async for item in client.send_message(request)]
    return answer.task


async def leave(stream: AsyncIterator[StreamResponse]) -> None:
    """Close the connection in the middle of a stream; the SDK's iterators are generators."""
    assert isinstance(stream, AsyncGenerator)
    await stream.aclose()


def text_of(events: list[StreamResponse]) -> list[str]:
    """The pieces of text that came as artifact updates, empty ones left out."""
    return [
        part.text
        for event in events
        if event.HasField("artifact_update")
        for part in event.artifact_update.artifact.parts
        if part.text
    ]


def params(text: str = "Hello", **message: object) -> dict[str, Any]:
    """Parameters of `SendMessage`, as JSON."""
    whole = {"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": text}], **message}
    return {"message": whole}


def request(method: str, arguments: object) -> dict[str, Any]:
    """A JSON-RPC call."""
    return {"jsonrpc": "2.0", "id": "r1", "method": method, "params": arguments}


async def call(
    http: httpx.AsyncClient, method: str, arguments: object, *, name: str = "helper"
) -> dict[str, Any]:
    """Call by hand; gives the whole JSON-RPC response."""
    response = await http.post(
        f"/agents/{name}", json=request(method, arguments), headers={"A2A-Version": "1.0"}
    )
    assert response.headers["content-type"] == "application/json"
    answer: dict[str, Any] = response.json()
    assert answer["jsonrpc"] == "2.0"
    assert answer["id"] == "r1"
    return answer


@asynccontextmanager
async def stream_events(
    http: httpx.AsyncClient, method: str, arguments: object, *, name: str = "helper"
) -> AsyncGenerator[AsyncIterator[dict[str, Any]]]:
    """Call by hand; gives the results of the stream one by one."""
    async with http.stream(
        "POST",
        f"/agents/{name}",
        json=request(method, arguments),
        headers={"A2A-Version": "1.0"},
    ) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["x-accel-buffering"] == "no"

        async def events() -> AsyncIterator[dict[str, Any]]:
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    answer = json.loads(line.removeprefix("data: "))
                    assert answer["id"] == "r1"
                    yield answer["result"]

        yield events()


@asynccontextmanager
async def events_with_ids(
    http: httpx.AsyncClient, method: str, arguments: object, *, last_event_id: str = ""
) -> AsyncGenerator[AsyncIterator[tuple[str, dict[str, Any]]]]:
    """The same with the id of each event; goes on after one of them if it is named."""
    headers = {"A2A-Version": "1.0"}
    if last_event_id:
        headers["Last-Event-ID"] = last_event_id
    async with http.stream(
        "POST", "/agents/helper", json=request(method, arguments), headers=headers
    ) as response:

        async def events() -> AsyncIterator[tuple[str, dict[str, Any]]]:
            event_id = ""
            async for line in response.aiter_lines():
                if line.startswith("id: "):
                    event_id = line.removeprefix("id: ")
                elif line.startswith("data: "):
                    answer = json.loads(line.removeprefix("data: "))
                    yield event_id, answer["result"]
                    event_id = ""
                elif line.startswith("{"):  # no stream: an error
                    yield "", json.loads(line)

        yield events()
