"""The toolset `http`: what is sent, what comes back, and what neither side can do to the other."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import zlib
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from http_stage import KEY, Answer, Asked, Service, call, opened, said, texts
from hypothesis import assume, given, settings

from hector.errors import ToolArgumentsError, ToolError, ToolTimeoutError
from hector.message import JSONValue
from hector.spi import Secret
from hector.testing.message_strategies import json_objects
from hector_std.conformance import TestHttpTools
from hector_std.tools_http.providers import PROVIDERS
from hector_std.tools_http.settings import HttpToolSettings
from hector_std.tools_http.templates import PathTemplate, body_places, fill_body

__all__ = ["TestHttpTools"]

JSON = {"Content-Type": "application/json"}


def json_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {**JSON, **headers})


def test_the_provider_is_a_toolset_of_this_type() -> None:
    assert [(provider.kind, provider.type) for provider in PROVIDERS] == [("toolset", "http")]


# ------------------------------------------------------------------------------- what is sent


@settings(max_examples=300)
@given(path=texts, whole=texts, inside=texts)
def test_any_argument_stays_in_its_segment_and_in_its_value(
    path: str, whole: str, inside: str
) -> None:
    """What a server takes the address apart into is what was given, or the call is refused."""
    template = PathTemplate.parse("/a/{path}/b?x={whole}&fixed=1&y=(p){inside}")
    arguments: dict[str, JSONValue] = {"path": path, "whole": whole, "inside": inside}
    steps = [step.split(";")[0].strip(" \t\r\n\0") for step in re.split(r"[/\\]", path)]
    if not path or "." in steps or ".." in steps:
        with pytest.raises(ToolArgumentsError, match="argument `path`"):
            template.fill(arguments)
        return
    filled = template.fill(arguments)
    place, _, query = filled.partition("?")
    assert filled.isascii()
    assert "#" not in filled
    assert [unquote(segment) for segment in place.split("/")] == ["", "a", path, "b"]
    assert parse_qsl(query, keep_blank_values=True, strict_parsing=True) == [
        ("x", whole), ("fixed", "1"), ("y", f"(p){inside}"),
    ]  # fmt: skip


async def test_what_a_server_gets_is_what_was_filled_in() -> None:
    """The client changes nothing of it on its way: hosts, steps and signs stay as they were encoded."""
    odd = [
        "a/b?c#d",
        "//evil.example.com",
        "é %2e%2e&x=1;..",
        "\\\\host\\share",
        "@evil",
        "\r\nX: y",
    ]
    async with (
        Service.running() as service,
        opened(service, base_url=f"{service.url}/v1", path="/o/{a}?b={a}", parameters={"a": "string"})
        as tool,
    ):  # fmt: skip
        for text in odd:
            await call(tool, a=text)
        for asked, text in zip(service.asked, odd, strict=True):
            path, _, query = asked.target.partition("?")
            assert [unquote(step) for step in path.split("/")] == ["", "v1", "o", text]
            assert parse_qsl(query) == [("b", text)]
            assert asked.headers["host"] == f"127.0.0.1:{service.port}"
            assert set(asked.headers) <= {
                "host",
                "accept",
                "accept-encoding",
                "connection",
                "user-agent",
            }


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (True, "/o/true?b=true"),
        (7, "/o/7?b=7"),
        (2.5, "/o/2.5?b=2.5"),
        (3.0, "/o/3?b=3"),
        ("é", "/o/%C3%A9?b=%C3%A9"),
    ],
)
def test_scalars_are_written_as_json_has_them(value: JSONValue, sent: str) -> None:
    assert PathTemplate.parse("/o/{a}?b={a}").fill({"a": value}) == sent


def test_a_value_that_is_not_there_leaves_out_its_name_and_a_list_repeats_it() -> None:
    template = PathTemplate.parse("/o?a={a}&flag&b={b}&c=x{b}")

    assert template.fill({}) == "/o?flag"
    assert template.fill({"a": None, "b": 1}) == "/o?flag&b=1&c=x1"
    assert template.fill({"a": ["x", 2], "b": ""}) == "/o?a=x&a=2&flag&b=&c=x"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"a": {}}, "argument `a` stands in an address, and must be a string, a number or a boolean"),
        ({"a": "\ud800"}, "argument `a` holds half of a character, which no address can"),
        ({"a": ""}, "argument `a` stands in a path, and must not be empty"),
        ({"a": "x/../y"}, "argument `a` would lead to another path: it holds `.` or `..` as a step"),
        ({"a": "..;x"}, "argument `a` would lead to another path: it holds `.` or `..` as a step"),
    ],
)  # fmt: skip
def test_what_cannot_stand_in_a_path_is_refused(arguments: Any, told: str) -> None:
    with pytest.raises(ToolArgumentsError) as caught:
        PathTemplate.parse("/o/{a}").fill(arguments)
    assert caught.value.message == told


@given(json_objects())
def test_a_body_of_places_is_made_of_the_arguments_as_they_are(arguments: Any) -> None:
    template = {f"key {at}": f"{{p{at}}}" for at in range(len(arguments))}
    given = {f"p{at}": value for at, value in enumerate(arguments.values())}

    assert fill_body(template, given) == {f"key {at}": given[f"p{at}"] for at in range(len(given))}
    assert [name for _, name in body_places(template)] == list(given)


def test_a_body_keeps_what_is_no_place_and_leaves_out_what_was_not_given() -> None:
    template: Any = {"a": "{a}", "b": ["{b}", 1, {"c": "{c} for {a}"}], "d": "{ a }", "e": None}

    assert fill_body(template, {"a": [1]}) == {
        "a": [1], "b": [1, {"c": " for [1]"}], "d": "{ a }", "e": None,
    }  # fmt: skip


async def test_post_sends_the_parameters_that_stand_nowhere_else_with_their_defaults() -> None:
    """Secrets of the config are there, and the key of the call."""
    async with (
        Service.running() as service,
        opened(
            service,
            method="POST",
            path="/{place}?dry={dry}",
            parameters={
                "place": "string",
                "dry": "boolean",
                "item": "string",
                "count": {"type": "integer", "default": 1},
                "note": "string",
            },
            optional=("note", "dry"),
            headers={"Prefer": Secret("minimal")},
            shared={
                "headers": {"Authorization": Secret("Bearer hunter22")},
                "query": {"key": Secret("a b&c")},
            },
        ) as tool,
    ):
        await call(tool, place="x", item="pen")
        await call(tool, place="x", item="pen", dry=True, count=2, note="n")
        first, second = service.asked

    assert (first.method, first.target) == ("POST", "/x?key=a%20b%26c")
    assert second.target == "/x?dry=true&key=a%20b%26c"
    assert json.loads(first.body) == {"item": "pen", "count": 1}
    assert json.loads(second.body) == {"item": "pen", "count": 2, "note": "n"}
    assert first.headers["content-type"] == "application/json"
    assert first.headers["authorization"] == "Bearer hunter22"
    assert first.headers["prefer"] == "minimal"
    assert first.headers["idempotency-key"] == KEY


@pytest.mark.parametrize(
    ("tool", "effect", "has_key"),
    [
        ({"method": "GET"}, "pure", False),
        ({"method": "HEAD"}, "pure", False),
        ({"method": "PUT"}, "idempotent", True),
        ({"method": "DELETE"}, "idempotent", True),
        ({"method": "POST"}, "unsafe", True),
        ({"method": "PATCH"}, "unsafe", True),
        ({"method": "POST", "effect": "pure"}, "pure", False),
        ({"method": "POST", "effect": "idempotent"}, "idempotent", True),
        ({"method": "POST", "lookup": "/k/{idempotency_key}"}, "lookup", True),
        ({"method": "GET", "effect": "unsafe"}, "unsafe", True),
    ],
)
async def test_the_effect_follows_from_the_method_unless_it_is_declared(
    tool: dict[str, Any], effect: str, has_key: bool
) -> None:
    """The key goes with each call that is not pure."""
    async with Service.running() as service, opened(service, path="/", **tool) as made:
        await call(made)
        assert made.spec.effect == effect
        assert ("idempotency-key" in service.asked[0].headers) == has_key


@pytest.mark.parametrize(
    ("shared", "key", "header", "value"),
    [
        ({"idempotency_header": "X-Request-Id"}, KEY, "x-request-id", KEY),
        ({"quote_idempotency_key": True}, KEY, "idempotency-key", f'"{KEY}"'),
        ({}, "ä\r\nX: y", "idempotency-key", "e56dd4f843b0420e"),
        ({}, "k" * 256, "idempotency-key", "ce16fe78208a4e93"),
    ],
)
async def test_the_key_goes_into_the_header_that_the_service_reads(
    shared: dict[str, Any], key: str, header: str, value: str
) -> None:
    """A key that no header could carry is sent as its hash, in header, path and body alike."""
    async with (
        Service.running() as service,
        opened(
            service,
            method="PUT",
            path="/orders/{idempotency_key}",
            body={"id": "{idempotency_key}"},
            shared=shared,
        ) as tool,
    ):
        await call(tool, key=key)
        (asked,) = service.asked
    sent = asked.headers[header]
    assert sent.startswith(value)
    assert "x" not in asked.headers
    bare = sent.strip('"')
    assert re.fullmatch(r"[0-9a-f]{64}", bare) or bare == key
    assert unquote(asked.target) == f"/orders/{bare}"
    assert json.loads(asked.body) == {"id": bare}


async def test_arguments_that_do_not_fit_are_named_and_nothing_is_sent() -> None:
    async with (
        Service.running() as service,
        opened(service, path="/{a}?b={b}", parameters={"a": "integer", "b": "string"}) as tool,
    ):
        with pytest.raises(ToolArgumentsError) as caught:
            await call(tool, a="one", c=1)
        assert service.connections == 0
    assert caught.value.message == (
        '`ask` was not called. argument `a`: expected integer, got the string "one"; argument `b` is missing; '
        "argument `c` is not known; known are: `a`, `b`"
    )


# ------------------------------------------------------------------------------- what comes back


@pytest.mark.parametrize(
    ("answer", "gets"),
    [
        (json_answer({"a": [1, None]}), {"a": [1, None]}),
        (Answer(200, b'{"a": 1}', {"Content-Type": "application/problem+json"}), {"a": 1}),
        (Answer(200, b"{broken", JSON), "{broken"),
        (Answer(200, b"[NaN]", JSON), "[NaN]"),
        (Answer(200, b"[" * 200 + b"]" * 200, JSON), "[" * 200 + "]" * 200),
        (Answer(200, b"[" * 9000 + b"]" * 9000, JSON), "[" * 9000 + "]" * 9000),
        (Answer(200, "é".encode(), {"Content-Type": "text/plain"}), "é"),
        (Answer(200, "é".encode("latin-1"), {"Content-Type": "text/plain; charset=latin-1"}), "é"),
        (Answer(200, b"\xff", {"Content-Type": "text/plain; charset=rot13"}), "�"),
        (Answer(200, b"a: 1", {"Content-Type": "application/yaml"}), "a: 1"),
        (Answer(200, b"plain"), "plain"),
        (Answer(200, b"\x89PNG\0", {"Content-Type": "image/png"}), ("image/png", b"\x89PNG\0")),
        (Answer(200, b"\0\1", {}), ("application/octet-stream", b"\0\1")),
        (Answer(204), "[204 No Content; no content]"),
        (Answer(201, headers={"Location": "/o/7"}), "[201 Created, at /o/7; no content]"),
    ],
)  # fmt: skip
async def test_a_reply_is_shown_as_what_it_is(answer: Answer, gets: Any) -> None:
    async with Service.running(lambda _: answer) as service, opened(service, path="/") as tool:
        output = await call(tool)
    assert said(output) == gets
    assert not output.is_error


async def test_head_gives_the_status_and_the_headers() -> None:
    answer = Answer(200, b"never seen", {"ETag": '"1"', "Set-Cookie": "a=b"})
    async with (
        Service.running(lambda _: answer) as service,
        opened(service, method="HEAD", path="/") as tool,
    ):
        output = await call(tool)
    assert said(output) == {"status": 200, "headers": {"content-length": "10", "etag": '"1"'}}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(404), "The server answered 404 Not Found."),
        (json_answer({"error": "no\nsuch order"}, 404),
         'The server answered 404 Not Found: {"error": "no\\nsuch order"}'),
        (Answer(503, b"busy", {"Retry-After": "120"}),
         "The server answered 503 Service Unavailable; it wants no further request for 120 s: busy"),
        (Answer(599, b"odd"), "The server answered 599: odd"),
        (Answer(500, b"\x89PNG\0", {"Content-Type": "image/png"}),
         "The server answered 500 Internal Server Error."),
    ],
)  # fmt: skip
async def test_an_error_is_told_with_an_excerpt(answer: Answer, told: str) -> None:
    async with Service.running(lambda _: answer) as service, opened(service, path="/") as tool:
        output = await call(tool)
    assert (said(output), output.is_error) == (told, True)


async def test_a_long_error_is_an_excerpt_of_bounded_length() -> None:
    answer = Answer(500, b"x" * 10_000)
    async with Service.running(lambda _: answer) as service, opened(service, path="/") as tool:
        assert len(said(await call(tool))) < 600


@pytest.mark.parametrize(
    ("shared", "body", "gets"),
    [
        ({"max_output_length": 3}, b"abcdef", "abc\n[3 characters left out; ask for a smaller part of it]"),
        ({"max_response_bytes": 3}, b"abcdef", "abc\n[the rest left out; ask for a smaller part of it]"),
        ({"max_output_length": 6}, b"abcdef", "abcdef"),
        ({"max_response_bytes": 6}, b"abcdef", "abcdef"),
    ],
)  # fmt: skip
async def test_of_too_much_text_the_beginning_is_kept(
    shared: dict[str, Any], body: bytes, gets: str
) -> None:
    async with (
        Service.running(lambda _: Answer(200, body)) as service,
        opened(service, path="/", shared=shared) as tool,
    ):
        assert said(await call(tool)) == gets


async def test_a_file_that_is_too_long_is_none() -> None:
    answer = Answer(200, b"\x89PNG\0", {"Content-Type": "image/png"})
    async with (
        Service.running(lambda _: answer) as service,
        opened(service, path="/", shared={"max_response_bytes": 4}) as tool,
    ):
        output = await call(tool)
    assert said(output) == "the image/png is longer than the 4 bytes that may be read"
    assert output.is_error


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-gzip", "identity"])
async def test_a_compressed_reply_is_taken_apart(encoding: str) -> None:
    pack = {"deflate": zlib.compress, "identity": bytes}.get(encoding, gzip.compress)
    answer = Answer(200, pack(b'{"a": 1}'), {**JSON, "Content-Encoding": encoding})
    async with Service.running(lambda _: answer) as service, opened(service, path="/") as tool:
        assert said(await call(tool)) == {"a": 1}


async def test_a_small_reply_does_not_grow_beyond_what_may_be_read() -> None:
    """A thousand times its size would be 100 MB; no more than the limit is ever taken out of it."""
    bomb = gzip.compress(b"0" * 100_000_000, compresslevel=1)
    answer = Answer(200, bomb, {"Content-Encoding": "gzip"})
    async with (
        Service.running(lambda _: answer) as service,
        opened(service, path="/", shared={"max_response_bytes": 1000}) as tool,
    ):
        text = said(await call(tool))
    assert text == "0" * 1000 + "\n[the rest left out; ask for a smaller part of it]"


@pytest.mark.parametrize(
    ("encoding", "body", "told"),
    [
        ("br", b"x", "the reply is compressed in a way that was not asked for"),
        ("gzip, gzip", b"x", "the reply is compressed in a way that was not asked for"),
        ("gzip", b"no gzip at all", "the reply is compressed, and damaged"),
        (
            "gzip",
            gzip.compress(b"abc", mtime=0)[:-4],
            "the reply is compressed, and its end is missing",
        ),
    ],
)
async def test_a_reply_that_cannot_be_taken_apart_is_an_error(
    encoding: str, body: bytes, told: str
) -> None:
    answer = Answer(200, body, {"Content-Encoding": encoding})
    async with Service.running(lambda _: answer) as service, opened(service, path="/") as tool:
        with pytest.raises(ToolError) as caught:
            await call(tool)
    assert caught.value.message == f"`ask`: {told}"


# ------------------------------------------------------------------------------- what fails


async def test_a_silent_server_is_given_up_and_the_connection_closed() -> None:
    async with (
        Service.running(lambda _: Answer(None)) as service,
        opened(service, method="POST", path="/", shared={"timeout": 0.2}) as tool,
    ):
        with pytest.raises(ToolTimeoutError) as caught:
            await call(tool)
        await service.left.wait()
    assert caught.value.message == (
        f"`ask`: {service.url} did not answer within 0.2 s; it may have been done"
    )


async def test_a_connection_that_breaks_is_told_with_its_doubt() -> None:
    answer = Answer(200, b"abc", {"Content-Length": "10"}, is_whole=False)
    async with Service.running(lambda _: answer) as service:
        for method, doubt in (("GET", ""), ("POST", "; it may have been done")):
            async with opened(service, method=method, path="/") as tool:
                with pytest.raises(ToolError) as caught:
                    await call(tool)
            start = f"`ask`: the connection to {service.url} broke{doubt}: "
            assert caught.value.message.startswith(start)


async def test_a_server_that_is_not_there_is_told_as_not_called() -> None:
    async with Service.running() as service:
        pass
    async with opened(service, path="/") as tool:
        with pytest.raises(ToolError) as caught:
            await call(tool)
    assert caught.value.message.startswith(
        f"`ask` was not called: {service.url} cannot be reached: "
    )


async def test_cancelling_closes_the_connection_at_once() -> None:
    async with (
        Service.running(lambda _: Answer(None)) as service,
        opened(service, path="/") as tool,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(call(tool))
        await service.came.wait()
        assert not service.left.is_set()
        task.cancel()
        await service.left.wait()


async def test_connections_are_kept_and_closed_with_the_toolset() -> None:
    """What a server sets for one caller is not sent for the next."""
    answer = Answer(200, b"x", {"Set-Cookie": "session=1; Path=/"})
    async with Service.running(lambda _: answer) as service:
        async with opened(service, path="/") as tool:
            for _ in range(3):
                await call(tool)
            assert service.connections == 1
            assert not service.left.is_set()
        await service.left.wait()
    assert all("cookie" not in asked.headers for asked in service.asked)


# ------------------------------------------------------------------------------- redirects


@pytest.mark.parametrize(("status", "method"), [(307, "POST"), (308, "POST"), (303, "GET")])
async def test_a_redirect_of_the_same_server_is_followed(status: int, method: str) -> None:
    def answer(asked: Asked) -> Answer:
        if asked.target == "/a":
            return Answer(status, headers={"Location": "/b"})
        return Answer(200, b"there")

    async with (
        Service.running(answer) as service,
        opened(
            service,
            method="POST",
            path="/a",
            parameters={"x": "integer"},
            shared={"headers": {"Authorization": Secret("Bearer hunter22")}},
        ) as tool,
    ):
        assert said(await call(tool, x=1)) == "there"
        _, second = service.asked
    assert (second.method, second.target) == (method, "/b")
    assert second.headers["idempotency-key"] == KEY
    assert second.body == (b'{"x": 1}' if method == "POST" else b"")
    assert second.headers["authorization"] == "Bearer hunter22"


async def test_no_redirect_leads_to_another_server() -> None:
    """Another port is another server; nothing is sent there, and the address shows no secret."""
    async with Service.running() as other:
        place = f"{other.url}/x?token=hunter2222"
        answer = Answer(302, headers={"Location": place})
        async with Service.running(lambda _: answer) as service, opened(service, path="/") as tool:
            output = await call(tool)
        assert other.connections == 0
    assert said(output) == (
        f"The server answered 302 Found and leads to {other.url}, which is not followed."
    )
    assert output.is_error


async def test_a_circle_of_redirects_ends() -> None:
    answer = Answer(302, headers={"Location": "/"})
    async with Service.running(lambda _: answer) as service, opened(service, path="/") as tool:
        with pytest.raises(
            ToolError, match=r"\[H520\] `ask`: the server redirected more than 5 times$"
        ):
            await call(tool)
        assert len(service.asked) == 5


async def test_a_redirect_that_cannot_be_followed_leaves_it_in_doubt() -> None:
    """The request itself was answered: nobody is told that it was not made."""
    found = [["127.0.0.1"], ["10.0.0.7"], []]

    async def turning(_host: str, _port: int) -> list[str]:
        return found.pop(0)

    answer = Answer(303, headers={"Location": "/b", "Connection": "close"}, is_whole=False)
    for why in ("shop.example.com has no public address, and is not connected to", ""):
        async with Service.running(lambda _: answer) as service:
            url = f"http://shop.example.com:{service.port}"
            asking = opened(service, base_url=url, resolve=turning, method="POST", path="/a")
            async with asking as tool:
                with pytest.raises(ToolError) as caught:
                    await call(tool)
            assert len(service.asked) == 1
        start = f"`ask`: the redirect was not followed; it may have been done: {why}"
        assert caught.value.message.startswith(start)
        found.insert(0, ["127.0.0.1"])


# ------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize("status", [200, 400])
async def test_secrets_that_a_server_repeats_do_not_show(status: int) -> None:
    """Neither what goes into a header nor what stands in the query, however it is written."""

    def answer(asked: Asked) -> Answer:
        told = f"{asked.headers['authorization']} {asked.target} {unquote(asked.target)}"
        return Answer(status, told.encode(), {"Content-Type": "text/plain"})

    shared = {
        "headers": {"Authorization": Secret("Bearer hunter-2222")},
        "query": {"api_key": Secret("p@ss word/1")},
    }
    async with Service.running(answer) as service, opened(service, path="/", shared=shared) as tool:
        told = said(await call(tool))
    assert "hunter" not in told
    assert "p@ss" not in told
    assert "p%40ss" not in told
    assert "api_key=…" in told


@pytest.mark.parametrize("path", ["/", "/?page=1"])
async def test_the_http_client_logs_no_secret(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """It logs the address of each request; a redirect gets only what the server says."""
    caplog.set_level("DEBUG")

    def answer(asked: Asked) -> Answer:
        is_first = "moved" not in asked.target
        return Answer(307, headers={"Location": "/moved"}) if is_first else Answer()

    shared = {
        "headers": {"Authorization": Secret("Bearer hunter-2222")},
        "query": {"api_key": Secret("p@ss word/1")},
    }
    async with (
        Service.running(answer) as service,
        opened(service, path=path, shared=shared) as tool,
    ):
        await call(tool)
    first, second = service.asked
    whole = f"{path}{'&' if '?' in path else '?'}api_key=p%40ss%20word%2F1"
    assert (first.target, second.target) == (whole, "/moved")
    addresses = [record.getMessage() for record in caplog.records if record.name == "httpx"]
    assert [text.split()[3] for text in addresses] == [
        f"{service.url}{path}",
        f"{service.url}/moved",
    ]
    assert "hunter" not in caplog.text
    assert "api_key" not in caplog.text


async def test_what_is_no_secret_stays_in_the_content() -> None:
    """A version in a header is also part of what a service says."""
    answer = json_answer({"version": "2022-11-28"})
    shared = {"headers": {"X-Api-Version": Secret("2022-11-28")}}
    async with (
        Service.running(lambda _: answer) as service,
        opened(service, path="/", shared=shared) as tool,
    ):
        assert said(await call(tool)) == {"version": "2022-11-28"}


# ------------------------------------------------------------------------------- lookups


@pytest.mark.parametrize(
    ("answer", "gives"),
    [
        (Answer(404), None),
        (json_answer([]), None),
        (json_answer(None), None),
        (json_answer({"id": 7}), {"id": 7}),
        (json_answer([{"id": 7}]), [{"id": 7}]),
        (Answer(200, b"placed"), "placed"),
        (Answer(204), ToolError),
        (Answer(500), ToolError),
        (Answer(403), ToolError),
    ],
)
async def test_a_lookup_tells_what_became_of_a_call_or_that_it_does_not_know(
    answer: Answer, gives: Any
) -> None:
    async with (
        Service.running(lambda _: answer) as service,
        opened(
            service,
            method="POST",
            path="/orders",
            parameters={"item": "string"},
            lookup="/orders?key={idempotency_key}&item={item}",
        ) as tool,
    ):
        context: Any = type("Context", (), {"idempotency_key": KEY})()
        if gives is ToolError:
            with pytest.raises(ToolError, match=r"the lookup of `ask` was answered"):
                await tool.lookup({"item": "pen"}, context)
        else:
            found = await tool.lookup({"item": "pen"}, context)
            assert (found if found is None else said(found)) == gives
        (asked,) = service.asked
    assert (asked.method, unquote(asked.target)) == ("GET", f"/orders?key={KEY}&item=pen")
    assert "idempotency-key" not in asked.headers


async def test_approval_is_declared_for_each_tool() -> None:
    tools = {
        "find": HttpToolSettings(description="Find.", path="/"),
        "buy": HttpToolSettings(
            description="Buy.",
            method="POST",
            path="/",
            parameters={"item": "string"},
            require_approval=True,
            approval_prompt="Buy {item}?",
        ),
    }
    async with Service.running() as service, opened(service, tools=tools) as made:
        assert not made["find"].spec.needs_approval
        assert made["buy"].spec.needs_approval
        assert made["buy"].spec.approval_prompt == "Buy {item}?"
        assert made["buy"].spec.parameters == {
            "type": "object",
            "properties": {"item": {"type": "string"}},
            "additionalProperties": False,
            "required": ["item"],
        }


@settings(max_examples=100)
@given(texts)
def test_an_address_is_ascii_without_signs_that_end_it(text: str) -> None:
    assume(text.strip(". ;\\/\0\t\r\n"))
    try:
        filled = PathTemplate.parse("/{a}").fill({"a": text})
    except ToolArgumentsError:
        return
    assert re.fullmatch(r"/[A-Za-z0-9._~%-]+", filled)
