"""What is peculiar to Ollama's chat API, over a socket."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from hector.errors import (
    LLMContextOverflowError,
    LLMError,
    LLMInvalidRequestError,
    LLMResponseError,
    LLMUnavailableError,
    UnsupportedError,
    UsageError,
)
from hector.message import (
    FilePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
)
from hector.spi import (
    BuildContext,
    GenerateParameters,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    ModelLimits,
    Secret,
    TextDelta,
    ThinkingDelta,
    ToolSpec,
)
from hector.testing import WireReply, WireServer
from hector_plugin_ollama.llm import OllamaLLM, create
from hector_plugin_ollama.request import body_of
from hector_plugin_ollama.settings import LLMSettings, ThinkingSettings

NO_CONTEXT = cast("BuildContext", None)  # `create` does not look at its surroundings
HELLO = LLMRequest(messages=(Message.user("Hello"),))
LOOK = ToolSpec(name="look", description="Look.")
IMAGE = FilePart(media_type="image/png", data=b"png")


@asynccontextmanager
async def opened(server: WireServer, **keys: Any) -> AsyncGenerator[OllamaLLM]:
    given: dict[str, Any] = {"model": "m", "base_url": server.url, "max_retries": 0}
    given |= {"inspect": False, **keys}
    async with create(LLMSettings(**given), NO_CONTEXT) as llm:
        yield llm


def lines(*events: dict[str, Any]) -> WireReply:
    pieces = tuple(f"{json.dumps(event, ensure_ascii=False)}\n".encode() for event in events)
    return WireReply(headers={"content-type": "application/x-ndjson"}, pieces=pieces)


def said(**message: Any) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", "content": "", **message}}


def done(reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    why = {} if reason is None else {"done_reason": reason}
    return {"model": "m", "message": {"content": ""}, "done": True, **why, **more}


async def answered(
    *events: dict[str, Any], request: LLMRequest = HELLO
) -> tuple[list[LLMChunk], LLMResponse]:
    async with WireServer().running() as server, opened(server) as llm:
        server.say(lines(*events))
        *deltas, response = [chunk async for chunk in llm.generate(request)]
    assert isinstance(response, LLMResponse)
    return deltas, response


async def failure(reply: WireReply) -> LLMError:
    async with WireServer().running() as server, opened(server) as llm:
        server.say(reply)
        with pytest.raises(LLMError) as raised:
            async for _ in llm.generate(HELLO):
                pass
    return raised.value


def body(*messages: Message, parameters: GenerateParameters | None = None, **keys: Any) -> Any:
    request = LLMRequest(
        messages=messages or (Message.user("Hello"),),
        parameters=parameters or GenerateParameters(),
    )
    return body_of(request, LLMSettings(model="m", **keys))


# ------------------------------------------------------------------------------------ replies


async def test_lines_end_with_a_line_feed_and_nothing_else() -> None:
    """A text may hold what ends lines elsewhere, and a line may come in many pieces."""
    text = "a\u2028b\u2029c\x85d\x1ce\r\nf"
    whole = b"".join(lines(said(content=text), done()).pieces)
    pieces = tuple(whole[place : place + 1] for place in range(len(whole)))
    async with WireServer().running() as server, opened(server) as llm:
        server.say(WireReply(pieces=pieces))
        chunks = [chunk async for chunk in llm.generate(HELLO)]
    assert chunks[0] == TextDelta(text)


async def test_calls_get_ids_that_are_new_in_the_conversation() -> None:
    """Servers send none, or one of their own, which is kept unless it was there before."""
    call = ToolCall(id="call_1", name="look")
    result = ToolResult(call_id="call_1", name="look")
    request = LLMRequest(
        messages=(Message.user("Go"), Message("assistant", (call,)), Message("tool", (result,))),
        tools=(LOOK,),
    )
    function = {"name": "look", "arguments": {"n": [1, {"deep": None}]}}
    calls = [
        {"function": function},
        {"function": function},
        {"id": "call_1", "function": function},
        {"id": "call_2", "function": {"name": "look"}},
    ]
    _, response = await answered(said(tool_calls=calls), done(), request=request)
    made = [part for part in response.parts if isinstance(part, ToolCall)]
    assert len({part.id for part in made} | {"call_1"}) == 5
    assert made[3] == ToolCall(id="call_2", name="look")
    assert made[0].arguments == {"n": [1, {"deep": None}]}
    assert response.finish_reason == "tool_calls"


async def test_arguments_that_are_no_object_are_an_error() -> None:
    call = {"function": {"name": "look", "arguments": '{"n": 1}'}}
    error = await failure(lines(said(tool_calls=[call]), done()))
    assert isinstance(error, LLMResponseError)
    assert error.message == "the model called tool `look` with arguments that are no JSON object"


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [(None, "stop", None), ("stop", "stop", None), ("load", "other", "load")],
)
async def test_stop_reasons(reason: str | None, finish: str, detail: str | None) -> None:
    _, response = await answered(said(content="So"), done(reason))
    assert (response.finish_reason, response.finish_detail) == (finish, detail)


async def test_calls_of_an_answer_that_was_cut_off_are_not_made() -> None:
    call: dict[str, Any] = {"function": {"name": "look", "arguments": {}}}
    _, response = await answered(said(content="So", tool_calls=[call]), done("length"))
    assert (response.parts, response.finish_reason) == ((TextPart("So"),), "length")


async def test_counts_that_the_server_leaves_out_are_none() -> None:
    _, response = await answered(said(thinking="Hm", content="So"), done(eval_count=3))
    assert (response.usage.input_tokens, response.usage.output_tokens) == (0, 3)
    assert response.parts[0] == ThinkingPart(
        text="Hm", provider_data={"ollama": {"field": "thinking"}}
    )


async def test_thinking_and_text_are_told_as_they_come() -> None:
    deltas, _ = await answered(said(thinking="Hm"), said(content="So"), said(content="."), done())
    assert deltas == [ThinkingDelta("Hm"), TextDelta("So"), TextDelta(".")]


# ------------------------------------------------------------------------------------ failures


async def test_a_model_that_is_not_there_is_pulled() -> None:
    told = {"error": "model 'm' not found"}
    error = await failure(WireReply.of_json(told, status=404))
    assert isinstance(error, LLMInvalidRequestError)
    assert str(error) == (
        "[H518] ollama answered 404: model 'm' not found\n  hint: run `ollama pull m`"
    )


async def test_what_the_engine_says_as_json_inside_of_json_is_read() -> None:
    inside = {
        "code": 400,
        "message": "request (351 tokens) exceeds the available context size (256 tokens)",
        "type": "exceed_context_size_error",
    }
    told = {"error": json.dumps({"error": inside})}
    error = await failure(WireReply.of_json(told, status=500))
    assert isinstance(error, LLMContextOverflowError)
    assert error.message == f"ollama answered 500: {inside['message']}"
    assert error.hint == "raise `num_ctx`, or begin a new session"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (WireReply(status=502, pieces=(b"<h1>Bad gateway</h1>",)), "<h1>Bad gateway</h1>"),
        (WireReply.of_json({"message": "no route"}, status=500), "no route"),
        (WireReply(status=500), "no reason given"),
        (WireReply.of_json(["odd"], status=500), '["odd"]'),
    ],
)
async def test_what_stands_before_the_server_may_speak_another_way(
    reply: WireReply, words: str
) -> None:
    error = await failure(reply)
    assert isinstance(error, LLMUnavailableError)
    assert error.message == f"ollama answered {reply.status}: {words}"


async def test_an_error_in_the_middle_is_told() -> None:
    error = await failure(lines(said(content="So"), {"error": "llama runner has stopped"}))
    assert isinstance(error, LLMUnavailableError)
    assert error.message == "ollama broke off its reply: llama runner has stopped"
    assert error.is_retryable


async def test_a_server_that_is_not_there_is_named_without_its_secrets() -> None:
    async with WireServer().running() as server:
        url = server.url.replace("//", "//user:password@")
    async with create(LLMSettings(model="m", base_url=url, max_retries=0), NO_CONTEXT) as llm:
        with pytest.raises(LLMUnavailableError) as raised:
            async for _ in llm.generate(HELLO):
                pass
    assert raised.value.message.startswith(f"cannot reach {server.url}: ")
    assert "password" not in str(raised.value)


# ------------------------------------------------------------------------------------ requests


def test_settings_become_options_and_parameters_go_before_them() -> None:
    keys: dict[str, Any] = {
        "temperature": 0.7,
        "max_tokens": 5,
        "num_ctx": 8192,
        "keep_alive": "10m",
        "options": {"top_k": 3, "seed": 1},
    }
    found = body(**keys)
    assert found == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "options": {
            "top_k": 3,
            "seed": 1,
            "temperature": 0.7,
            "num_predict": 5,
            "num_ctx": 8192,
        },
        "keep_alive": "10m",
        "truncate": False,
        "shift": False,
    }
    parameters = GenerateParameters(temperature=0.0, max_output_tokens=9, stop=("END",))
    options = body(parameters=parameters, **keys)["options"]
    assert (options["temperature"], options["num_predict"]) == (0.0, 9)
    assert options["stop"] == ["END"]
    bare = body(truncate=True)
    assert (bare["truncate"], bare["shift"]) == (True, True)
    assert "options" not in bare


@pytest.mark.parametrize(
    ("thinking", "sent"),
    [
        (None, None),
        (ThinkingSettings(), True),
        (ThinkingSettings(enabled=False), False),
        (ThinkingSettings(effort="low"), "low"),
        (ThinkingSettings(enabled=False, effort="low"), False),
    ],
)
def test_thinking(thinking: ThinkingSettings | None, sent: bool | str | None) -> None:
    assert body(thinking=thinking).get("think") == sent


def test_the_conversation_never_ends_with_the_assistant() -> None:
    """The server would take its last words for the beginning of the answer."""
    one, two = (Message("assistant", (TextPart(text),)) for text in ("One.", "Two."))
    nothing = Message("assistant", (ThinkingPart(text="hm"),))
    found = body(Message.user("Go"), one, nothing, two)["messages"]
    assert [(it["role"], it["content"]) for it in found] == [
        ("user", "Go"),
        ("assistant", "One."),
        ("user", "Continue."),
        ("assistant", "Two."),
        ("user", "Continue."),
    ]


def test_images_go_along_and_other_files_are_told_from_a_tool() -> None:
    linked = FilePart(media_type="image/png", url="https://example.com/a.png", name="a.png")
    document = FilePart(media_type="application/pdf", data=b"%PDF", name="a.pdf")
    result = ToolResult(
        call_id="c", name="look", content=(TextPart("See"), IMAGE, document), is_error=True
    )
    found = body(
        Message("user", (TextPart("What?"), IMAGE, linked)),
        Message("assistant", (ToolCall(id="c", name="look", arguments={"n": 1}), IMAGE)),
        Message("tool", (result,)),
    )["messages"]
    assert found == [
        {
            "role": "user",
            "content": "What?\n[file: a.png, image/png] https://example.com/a.png",
            "images": ["cG5n"],
        },
        {
            "role": "assistant",
            "content": "[file: unnamed, image/png]",
            "tool_calls": [{"id": "c", "function": {"name": "look", "arguments": {"n": 1}}}],
        },
        {
            "role": "tool",
            "tool_name": "look",
            "tool_call_id": "c",
            "content": "Error: See\n[file: a.pdf, application/pdf]",
            "images": ["cG5n"],
        },
    ]
    with pytest.raises(UnsupportedError, match="takes no file of type application/pdf"):
        body(Message("user", (document,)))


@pytest.mark.parametrize("role", ["user", "assistant", "tool"])
def test_a_part_where_it_cannot_stand_is_a_fault_of_the_caller(role: Any) -> None:
    wrong = TextPart("x") if role == "tool" else ToolResult(call_id="c", name="n")
    with pytest.raises(UsageError, match=f"an? {role} message cannot hold a"):
        body(Message(role, (wrong,)))


# ------------------------------------------------------------------------------------ facts

SHOWN: dict[str, Any] = {
    "capabilities": ["completion", "tools"],
    "model_info": {"general.architecture": "llama", "llama.context_length": 8192},
    "parameters": 'stop "<|eot|>"\nnum_ctx                        4096\n',
}


@pytest.mark.parametrize(
    ("shown", "keys", "context"),
    [
        (SHOWN, {}, 4096),
        (SHOWN, {"num_ctx": 6000}, 6000),
        (SHOWN, {"num_ctx": 100_000}, 8192),
        ({**SHOWN, "parameters": ""}, {}, None),
        (SHOWN, {"context_window": 77}, 77),
        ({}, {"num_ctx": 6000}, 6000),
    ],
)
async def test_the_context_in_force_is_known(
    shown: dict[str, Any], keys: dict[str, Any], context: int | None
) -> None:
    async with WireServer().running() as server:
        server.say(WireReply.of_json(shown))
        async with opened(server, inspect=True, **keys) as llm:
            assert llm.limits == ModelLimits(context_tokens=context)
        [asked] = server.requests
        assert (asked.path, asked.json) == ("/api/show", {"model": "m"})


async def test_what_the_server_says_the_model_cannot_is_refused() -> None:
    seeing = LLMRequest(messages=(Message("user", (IMAGE,)),))
    async with WireServer().running() as server:
        server.say(WireReply.of_json(SHOWN), lines(done()))
        async with opened(server, inspect=True) as llm:
            with pytest.raises(UnsupportedError, match="m does not offer `vision`"):
                async for _ in llm.generate(seeing):
                    pass
            calling = LLMRequest(messages=HELLO.messages, tools=(LOOK,))
            async for _ in llm.generate(calling):
                pass
        assert [request.path for request in server.requests] == ["/api/show", "/api/chat"]


async def test_a_model_that_does_not_see_is_told_of_a_tools_image() -> None:
    """A tool's choice must not end a conversation."""
    call = ToolCall(id="c", name="look")
    result = ToolResult(call_id="c", name="look", content=(IMAGE,))
    request = LLMRequest(
        messages=(Message.user("Go"), Message("assistant", (call,)), Message("tool", (result,))),
        tools=(LOOK,),
    )
    async with WireServer().running() as server:
        server.say(WireReply.of_json(SHOWN), lines(done()))
        async with opened(server, inspect=True) as llm:
            async for _ in llm.generate(request):
                pass
        told = server.requests[1].json["messages"][2]
    assert told["content"] == "[file: unnamed, image/png]"
    assert "images" not in told


async def test_a_model_is_kept_from_calling_by_not_telling_it_of_tools() -> None:
    """But it cannot be made to call."""
    parameters = GenerateParameters(tool_choice="none")
    request = LLMRequest(messages=HELLO.messages, tools=(LOOK,), parameters=parameters)
    async with WireServer().running() as server, opened(server) as llm:
        server.say(lines(done()))
        async for _ in llm.generate(request):
            pass
        assert "tools" not in server.requests[0].json
        forced = LLMRequest(
            messages=HELLO.messages,
            tools=(LOOK,),
            parameters=GenerateParameters(tool_choice="required"),
        )
        with pytest.raises(UnsupportedError, match="m does not offer `tool_choice`"):
            async for _ in llm.generate(forced):
                pass


@pytest.mark.parametrize(
    "reply",
    [
        WireReply.of_json({"error": "model 'm' not found"}, status=404),
        WireReply(pieces=(b"[1",)),
        WireReply.of_json([1]),
        WireReply(is_silent=True),
    ],
)
async def test_a_server_that_does_not_say_is_taken_at_its_word_later(
    reply: WireReply, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "hector_plugin_ollama")
    async with WireServer().running() as server:
        server.say(reply, lines(done()))
        async with opened(server, inspect=True, timeout=0.2) as llm:
            assert llm.limits == ModelLimits()
            async for _ in llm.generate(LLMRequest(messages=(Message("user", (IMAGE,)),))):
                pass
    [message] = caplog.messages
    assert "does not say what m is" in message


async def test_a_key_and_headers_travel_and_the_environments_proxy_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    headers = {"x-gateway": Secret("mine")}
    async with (
        WireServer().running() as server,
        opened(server, api_key=Secret("a-key-of-mine"), headers=headers) as llm,
    ):
        server.say(lines(done()))
        async for _ in llm.generate(HELLO):
            pass
        sent = server.requests[0].headers
    assert (sent["authorization"], sent["x-gateway"]) == ("Bearer a-key-of-mine", "mine")


async def test_a_proxy_is_asked_instead_of_the_server() -> None:
    async with WireServer().running() as proxy:
        proxy.say(lines(done()))
        keys: dict[str, Any] = {"base_url": "http://ollama.invalid", "proxy": Secret(proxy.url)}
        async with opened(proxy, **keys) as llm:
            async for _ in llm.generate(HELLO):
                pass
        assert proxy.requests[0].path == "http://ollama.invalid/api/chat"
