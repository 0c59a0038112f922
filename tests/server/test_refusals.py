"""What the server refuses, with which code, and what it tells to do instead."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from server_calls import call, params, request
from server_stage import Agent, Stage, Turn, calling, serving, text_agent

from hector.message import DataPart, Event, FilePart, TextPart
from hector_server import ServerOptions
from hector_server.wire.json_text import JSONTextError, read_json, write_json

VERSION = {"A2A-Version": "1.0"}
JSON_TYPE = {"Content-Type": "application/json"}
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


async def _post(http: httpx.AsyncClient, body: bytes, **headers: str) -> dict[str, Any]:
    response = await http.post(
        "/agents/helper", content=body, headers={**VERSION, **JSON_TYPE, **headers}
    )
    assert response.status_code == 200
    error: dict[str, Any] = response.json()["error"]
    return error


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"{", -32700, "the body is no JSON: Expecting property name"),
        (b"\xff", -32700, "the body is no JSON: not UTF-8 at byte 0"),
        (b'{"a": NaN}', -32700, "the body is no JSON: NaN is no JSON number"),
        (b'{"a": 1e999}', -32700, "the body is no JSON: a number is out of range"),
        (b'{"a": "\\ud800"}', -32700, "the body is no JSON: a string holds half of a surrogate"),
        (b"[" * 100_000, -32700, "the body is no JSON: nested too deeply"),
        (b"[" * 100 + b"]" * 100, -32700, "the body is no JSON: nested more than 64 levels deep"),
        (b"[]", -32600, "batches are not supported: send one request object"),
        (b"1", -32600, "the body must be a JSON-RPC request object"),
        (b'{"jsonrpc":"2.0","method":"GetTask"}', -32600, "id must be a string or a number"),
        (b'{"jsonrpc":"2.0","id":{},"method":"x"}', -32600, "id must be a string or a number"),
        (b'{"jsonrpc":"2.0","id":true,"method":"x"}', -32600, "id must be a string or a number"),
        (b'{"jsonrpc":"1.0","id":1,"method":"x"}', -32600, 'jsonrpc must be "2.0"'),
        (b'{"jsonrpc":"2.0","id":1}', -32600, "method must be a string"),
        (b'{"jsonrpc":"2.0","id":1,"method":"message/send"}', -32601, "there is no method"),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"GetTask","params":[]}',
            -32602,
            "params: must be an object, not a list",
        ),
        (b'{"jsonrpc":"2.0","id":1,"method":"GetTask"}', -32602, "id: is required"),
    ],
)
async def test_a_malformed_call_gets_its_json_rpc_error(
    body: bytes, code: int, message: str
) -> None:
    async with calling(Stage(text_agent("A"))) as http:
        error = await _post(http, body)

    assert error["code"] == code
    assert error["message"].startswith(message)
    assert error["data"][0]["@type"] == ERROR_INFO
    assert error["data"][0]["domain"] == "a2a-protocol.org"


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    list[tuple[dict[str, Any], str, str]](
        [
            ({"messageId": ""}, "message.messageId", "is required"),
            ({"role": "ROLE_AGENT"}, "message.role", "must be ROLE_USER"),
            ({"parts": []}, "message.parts", "needs at least one part"),
            ({"parts": {}}, "message.parts", "must be a list, not an object"),
            ({"parts": [{}]}, "message.parts[0]", "needs one of text, raw, url and data, has none"),
            (
                {"parts": [{"text": "a", "url": "b"}]},
                "message.parts[0]",
                "needs one of text, raw, url and data, has text and url",
            ),
            ({"parts": [{"text": 1}]}, "message.parts[0].text", "must be a string, not a number"),
            ({"parts": [{"raw": "!"}]}, "message.parts[0].raw", "is no base64"),
            (
                {"parts": [{"url": "file:///etc/passwd"}]},
                "message.parts[0].url",
                "must be an absolute URL, and no file: URL",
            ),
            ({"contextId": "a\nb"}, "message.contextId", "must be printable"),
            (
                {"contextId": "a" * 257},
                "message.contextId",
                "must be at most 256 characters long",
            ),
        ]
    ),
)
async def test_a_wrong_parameter_is_named(change: dict[str, Any], field: str, problem: str) -> None:
    agent = Agent(name="helper", script=text_agent("A").script, input_modes=("*/*",))
    async with calling(Stage(agent)) as http:
        error = (await call(http, "SendMessage", params(**change)))["error"]

    assert error["code"] == -32602
    assert error["message"] == f"{field}: {problem}"
    assert error["data"][0]["reason"] == "INVALID_PARAMS"
    assert error["data"][1]["fieldViolations"] == [{"field": field, "description": problem}]


@pytest.mark.parametrize(
    ("method", "arguments", "code", "reason"),
    list[tuple[str, dict[str, Any], int, str]](
        [
            ("GetTask", {"id": "x"}, -32001, "TASK_NOT_FOUND"),
            ("CancelTask", {"id": "x"}, -32001, "TASK_NOT_FOUND"),
            ("SubscribeToTask", {"id": "x"}, -32001, "TASK_NOT_FOUND"),
            ("SendMessage", params(taskId="x"), -32001, "TASK_NOT_FOUND"),
            ("SendStreamingMessage", params(taskId="x"), -32001, "TASK_NOT_FOUND"),
            (
                "CreateTaskPushNotificationConfig",
                {},
                -32003,
                "PUSH_NOTIFICATION_NOT_SUPPORTED",
            ),
            ("GetTaskPushNotificationConfig", {}, -32003, "PUSH_NOTIFICATION_NOT_SUPPORTED"),
            ("ListTaskPushNotificationConfigs", {}, -32003, "PUSH_NOTIFICATION_NOT_SUPPORTED"),
            ("DeleteTaskPushNotificationConfig", {}, -32003, "PUSH_NOTIFICATION_NOT_SUPPORTED"),
            (
                "SendMessage",
                {**params(), "configuration": {"taskPushNotificationConfig": {"url": "http://x"}}},
                -32003,
                "PUSH_NOTIFICATION_NOT_SUPPORTED",
            ),
            (
                "SendMessage",
                params(parts=[{"raw": "AA==", "mediaType": "image/png"}]),
                -32005,
                "CONTENT_TYPE_NOT_SUPPORTED",
            ),
            ("SendMessage", params(parts=[{"data": 1}]), -32005, "CONTENT_TYPE_NOT_SUPPORTED"),
            ("GetExtendedAgentCard", {}, -32007, "EXTENDED_AGENT_CARD_NOT_CONFIGURED"),
            ("ListTasks", {"pageSize": 0}, -32602, "INVALID_PARAMS"),
            ("ListTasks", {"pageSize": 101}, -32602, "INVALID_PARAMS"),
            ("ListTasks", {"pageToken": "?"}, -32602, "INVALID_PARAMS"),
            ("ListTasks", {"status": "working"}, -32602, "INVALID_PARAMS"),
            ("ListTasks", {"statusTimestampAfter": "yesterday"}, -32602, "INVALID_PARAMS"),
        ]
    ),
)
async def test_every_refusal_has_its_code_and_reason(
    method: str, arguments: dict[str, Any], code: int, reason: str
) -> None:
    async with calling(Stage(text_agent("A"))) as http:
        error = (await call(http, method, arguments))["error"]

    assert error["code"] == code
    assert error["data"][0]["reason"] == reason


async def test_a_task_refuses_a_foreign_context() -> None:
    async with calling(Stage(text_agent("A"))) as http:
        task = (await call(http, "SendMessage", params()))["result"]["task"]
        error = (await call(http, "SendMessage", params(taskId=task["id"], contextId="other")))[
            "error"
        ]

    assert error["code"] == -32602
    assert error["message"] == "message.contextId: is not the context of this task"


@pytest.mark.parametrize(
    ("headers", "query", "is_served"),
    [
        ({"A2A-Version": "1.0"}, "", True),
        ({"A2A-Version": "1.0.1"}, "", True),
        ({}, "?A2A-Version=1.0", True),
        ({}, "", False),
        ({"A2A-Version": "0.3"}, "", False),
        ({"A2A-Version": "1"}, "", False),
        ({"A2A-Version": "2.0"}, "?A2A-Version=1.0", False),
    ],
)
async def test_only_version_1_0_is_spoken(
    headers: dict[str, str], query: str, is_served: bool
) -> None:
    async with calling(Stage(text_agent("A"))) as http:
        answer = await http.post(
            f"/agents/helper{query}", json=request("SendMessage", params()), headers=headers
        )

    if is_served:
        assert "result" in answer.json()
        return
    error = answer.json()["error"]
    assert error["code"] == -32009
    assert error["message"].endswith("add the header `A2A-Version: 1.0`")


async def test_the_body_is_bounded_and_must_be_json() -> None:
    options = ServerOptions(max_body_bytes=1_000)
    async with serving(Stage(text_agent("A")), options) as http:
        small = await _post(http, b" " * 1_000)
        declared = await http.post("/agents/helper", content=b" " * 1_001, headers=JSON_TYPE)

        async def chunks() -> AsyncGenerator[bytes]:
            for _ in range(11):
                yield b" " * 100

        chunked = await http.post("/agents/helper", content=chunks(), headers=JSON_TYPE)
        form = await http.post("/agents/helper", data={"a": "b"}, headers=VERSION)

    assert small["code"] == -32700
    assert (declared.status_code, chunked.status_code) == (413, 413)
    assert declared.json()["error"]["message"] == "the request is longer than 1000 bytes"
    assert form.status_code == 415
    assert form.json()["error"]["code"] == -32005


@pytest.mark.parametrize("visibility", ["internal", "private"])
async def test_what_is_not_public_cannot_be_seen_or_called(visibility: str) -> None:
    """Nobody can be authenticated yet, so it must look as if it were not there."""
    hidden = Agent(name="hidden", script=text_agent("A").script, visibility=visibility)
    async with calling(Stage(hidden, text_agent("A"))) as http:
        listed = (await http.get("/agents")).json()
        replies = [
            await http.get("/agents/hidden"),
            await http.get("/agents/hidden/.well-known/agent-card.json"),
            await http.post("/agents/hidden", json=request("SendMessage", params())),
        ]
        missing = await http.get("/agents/missing")
        default = (await http.get("/.well-known/agent-card.json")).json()

    assert [card["name"] for card in listed["agents"]] == ["helper"]
    assert listed["total"] == 1
    assert default["name"] == "helper"
    for reply in replies:
        assert reply.status_code == 404
        assert reply.text == missing.text.replace("missing", "hidden")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("127.0.0.1:1", 200),
        ("127.8.9.10", 200),
        ("[::1]:8080", 200),
        ("app.localhost", 200),
        ("agents.example.com", 200),  # the public URL's
        ("evil.example.com", 421),
        ("evil.example.com:8080", 421),
        ("127.0.0.1.evil.example.com", 421),
        ("localhost.evil.example.com", 421),
        ("10.0.0.1", 421),
        ("[::", 421),
    ],
)
async def test_a_loopback_server_answers_loopback_names_only(host: str, status: int) -> None:
    options = ServerOptions(public_url="https://agents.example.com/hector/")
    async with serving(Stage(text_agent("A")), options) as http:
        reply = await http.get("/health", headers={"Host": host})

    assert reply.status_code == status


async def test_identity_does_not_come_from_the_message() -> None:
    stage = Stage(text_agent("A"))
    async with calling(stage) as http:
        arguments = {**params(metadata={"user_id": "root"}), "metadata": {"user_id": "root"}}
        await call(http, "SendMessage", arguments)

    assert stage.users == ["local"]


async def test_files_and_data_come_and_go() -> None:
    seen: list[object] = []

    async def script(turn: Turn) -> AsyncGenerator[Event, None]:
        seen.extend(turn.message.parts)
        yield turn.event(
            "message",
            FilePart(media_type="image/png", data=b"\x89PNG", name="a.png"),
            FilePart(media_type="text/html", url="https://example.com/"),
            DataPart({"n": [1, 2]}),
        )

    agent = Agent(name="helper", script=script, input_modes=("image/*", "application/json"))
    raw = base64.urlsafe_b64encode(b"\xfb\xff").decode().rstrip("=")
    sent = [
        {"text": "look", "mediaType": "text/markdown"},
        {"raw": raw, "mediaType": "image/png", "filename": "b.png"},
        {"url": "https://example.com/c.png", "mediaType": "image/png"},
        {"data": {"x": None}},
    ]
    async with calling(Stage(agent)) as http:
        answer = await call(http, "SendMessage", params(parts=sent))
    task = answer["result"]["task"]

    assert seen == [
        TextPart("look"),
        FilePart(media_type="image/png", data=b"\xfb\xff", name="b.png"),
        FilePart(media_type="image/png", url="https://example.com/c.png"),
        DataPart({"x": None}),
    ]
    assert task["history"][0]["parts"] == sent
    author = {"hector:author": "agent"}
    assert task["artifacts"][0]["parts"] == [
        {"raw": "iVBORw==", "mediaType": "image/png", "filename": "a.png", "metadata": author},
        {"url": "https://example.com/", "mediaType": "text/html", "metadata": author},
        {"data": {"n": [1, 2]}, "mediaType": "application/json", "metadata": author},
    ]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["message", "configuration", "id", "parts", "text", "raw", "data", "url", "messageId", "role",
     "contextId", "taskId", "historyLength", "pageToken", "pageSize", "status", "metadata"]
)  # fmt: skip
PARAMS = st.recursive(
    JSON_VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
METHODS = st.sampled_from(
    ["SendMessage", "SendStreamingMessage", "GetTask", "ListTasks", "CancelTask"]
)


async def test_no_body_breaks_the_server() -> None:
    """Whatever arrives, the answer is a JSON-RPC response or a stream, in time, and never a 500."""
    bodies: list[bytes] = []

    def made(method: str, arguments: object) -> bytes:
        return json.dumps(request(method, arguments)).encode()

    def changed(method: str, change: dict[str, Any]) -> bytes:
        return made(method, params(**change))

    @given(
        st.binary()
        | JSON_VALUES.map(lambda value: json.dumps(value).encode())
        | st.builds(made, METHODS, PARAMS)
        | st.builds(
            changed,
            METHODS,
            st.dictionaries(NAMES, PARAMS, max_size=3),
        )
    )
    def collect(body: bytes) -> None:
        bodies.append(body)

    collect()
    async with serving(Stage(text_agent("A"))) as http:
        for body in bodies:
            reply = await http.post(
                "/agents/helper", content=body, headers={**VERSION, **JSON_TYPE}
            )
            assert reply.status_code == 200
            if reply.headers["content-type"] == "application/json":
                answer = reply.json()
                assert answer["jsonrpc"] == "2.0"
                assert ("result" in answer) != ("error" in answer)
                assert answer.get("error", {}).get("code") != -32603

    assert len(bodies) >= 100


@given(JSON_VALUES)
def test_what_is_written_can_be_read(value: object) -> None:
    """Even what JSON cannot hold: not-a-number, infinity, half a surrogate pair."""
    written = write_json({"value": value, "tuple": (1, float("inf")), "half": "\ud800"})

    read = read_json(written)

    assert isinstance(read, dict)
    assert read["tuple"] == [1, None]
    assert read["half"] == "?"


@given(st.binary())
def test_reading_json_gives_a_value_or_says_why_not(body: bytes) -> None:
    try:
        value = read_json(body)
    except JSONTextError as error:
        reason = str(error)
    else:
        reason = "it is JSON"
        assert json.loads(body) == value
    assert reason
