"""The config of HTTP tools: every problem at its place, all at once, and none with a secret in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from http_stage import Service, call, opened, said
from hypothesis import given

from hector import Runtime, check_config
from hector.errors import ConfigError, ToolError
from hector.spi import Secret, SettingsProblem, SettingsRefusedError
from hector.testing.message_strategies import texts
from hector_std.tools_http.settings import HttpToolSettings, HttpToolsSettings

BASE: dict[str, Any] = {"base_url": "https://shop.example.com/v2"}


def tool(**keys: Any) -> dict[str, Any]:
    return {"description": "Find.", "path": "/o", **keys}


def problems(shop: dict[str, Any]) -> list[tuple[str, str]]:
    """Where something is wrong, below the toolset, and what."""
    found = check_config({"tools": {"shop": {"type": "http", **shop}}}, env={})
    return [
        (item.path.removeprefix("tools.shop").removeprefix("."), item.message)
        for item in found
        if item.severity == "error"
    ]


def test_a_good_config_has_no_problem() -> None:
    shop = {
        **BASE,
        "headers": {"Authorization": "Bearer x"},
        "tools": {
            "find": tool(path="/o/{o}?q={q}&n={n}", parameters={"o": "string", "q": {"type": "array"}, "n": {}}),
            "buy": tool(method="POST", parameters={"o": {"type": "object"}}, lookup="/k/{idempotency_key}"),
        },
    }  # fmt: skip
    assert problems(shop) == []


def test_all_problems_are_told_at_once_each_at_its_place() -> None:
    shop = {
        **BASE,
        "tools": {
            "a": tool(
                path="/o/{x}?y={y}&z={z}", parameters={"z": {"type": "string", "required": "a"}}
            ),
            "b": tool(method="FETCH"),
            "c": tool(method="POST", body={"a": {"b": ["{no}"]}}, parameters={"left": "string"}),
            "bad name": tool(),
        },
    }
    assert problems(shop) == [
        ("tools.a.parameters.z", "it is no JSON Schema: `required` is no list of names"),
        ("tools.a.path", "has a place `{x}`, and there is no such parameter"),
        ("tools.a.path", "has a place `{y}`, and there is no such parameter"),
        ("tools.b.method", "`FETCH` is not allowed here"),
        ("tools.c.body.a.b", "has a place `{no}`, and there is no such parameter"),
        ("tools.c.parameters.left", "is used nowhere"),
        ('tools["bad name"]', "must match `[a-zA-Z0-9_-]{1,64}`"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "path", "message"),
    [
        ({"path": "o"}, "path", "must begin with `/`"),
        ({"path": "/o#x"}, "path", "must have no `#`: a server never sees what stands behind it"),
        ({"path": "/a b"}, "path", "holds a sign that stands for something else in an address: percent-encode it"),
        ({"path": "/{a-b}"}, "path", "holds a sign that stands for something else in an address: percent-encode it"),
        ({"path": "/a?b=c&&d"}, "path", "must have a query such as `?name=value&other={place}`"),
        ({"path": "/a?{x}=1", "parameters": {"x": "string"}}, "path",
         "must have a query such as `?name=value&other={place}`"),
        ({"path": "/a/../b"}, "path", "must not hold `.` or `..` as a step"),
        ({"path": "/a/%2e%2E"}, "path", "must not hold `.` or `..` as a step"),
        ({"path": "/{x}", "parameters": {"x": "object"}}, "path",
         "has a place `{x}`, and the parameter is of type object"),
        ({"path": "/{x}", "parameters": {"x": "array"}}, "path",
         "has a place `{x}`, and the parameter is of type array"),
        ({"path": "/o?x=a{x}", "parameters": {"x": "array"}}, "path",
         "has a place `{x}`, and the parameter is of type array"),
        ({"path": "/{x}", "parameters": {"x": {"type": ["string", "null"]}}}, "path",
         "has a place `{x}`, and the parameter is of type null"),
        ({"path": "/{x}", "parameters": {"x": "string"}, "optional": ["x"]}, "path",
         "has a place `{x}`, and the parameter may be left out"),
        ({"optional": ["x"]}, "optional", "names `x`, which is no parameter"),
        ({"parameters": {"x": 5}, "method": "POST"}, "parameters.x", "is no JSON Schema of a parameter"),
        ({"parameters": {"x-y": "string"}}, "parameters.x-y", "must match `[A-Za-z_][A-Za-z0-9_]*`"),
        ({"parameters": {"idempotency_key": "string"}}, "parameters.idempotency_key",
         "is the name of the key that Hector itself gives to a call"),
        ({"parameters": {"x": {"$ref": "https://example.com/s"}}, "method": "POST"}, "parameters.x",
         "it is no JSON Schema: it refers to `https://example.com/s`, outside of it"),
        ({"body": {}}, "body", "has no effect with GET"),
        ({"effect": "lookup"}, "effect", "needs `lookup`"),
        ({"lookup": "/k/{idempotency_key}", "effect": "unsafe"}, "effect",
         "is `unsafe`, and `lookup` has no effect then"),
        ({"lookup": "/k"}, "lookup", "must hold `{idempotency_key}`"),
        ({"lookup": "/k/{idempotency_key}/{x}"}, "lookup", "has a place `{x}`, and there is no such parameter"),
        ({"headers": {"a b": "x"}}, 'headers["a b"]', "is no name of a header"),
        ({"headers": {"Host": "x"}}, "headers.Host", "is a header that belongs to the connection"),
        ({"headers": {"X": "a\r\nY: b"}}, "headers.X",
         "must be printable ASCII without line breaks or spaces around it"),
        ({"headers": {"X": "{x}"}, "method": "POST", "parameters": {"x": "string"}}, "headers.X",
         "holds a parameter, which no header can"),
        ({"headers": {"idempotency-key": "x"}}, "headers.idempotency-key", "is the header of the idempotency key"),
    ],
)  # fmt: skip
def test_what_is_wrong_about_a_tool_is_told_where_it_stands(
    keys: dict[str, Any], path: str, message: str
) -> None:
    assert problems({**BASE, "tools": {"a": tool(**keys)}}) == [(f"tools.a.{path}", message)]


@pytest.mark.parametrize(
    ("keys", "path", "message"),
    [
        ({"base_url": "shop.example.com"}, "base_url", "must be an http or https address"),
        ({"base_url": "ftp://shop.example.com"}, "base_url", "must be an http or https address"),
        ({"base_url": "https://bücher.example.com"}, "base_url", "must be an http or https address"),
        ({"base_url": "https://shop.example.com:99999"}, "base_url", "must be an http or https address"),
        ({"base_url": "https://u:p@shop.example.com"}, "base_url", "must not hold a user or password"),
        ({"base_url": "https://shop.example.com/?a=b"}, "base_url", "must have no query and no fragment"),
        ({"base_url": "https://shop.example.com/a b"}, "base_url",
         "must have a path of steps that are percent-encoded"),
        ({"base_url": "https://shop.example.com/../b"}, "base_url",
         "must have a path of steps that are percent-encoded"),
        ({"base_url": "http://127.0.0.1:80"}, "base_url", "is no public address"),
        ({"base_url": "http://0x7f.1"}, "base_url", "is no public address"),
        ({"base_url": "http://[::1]:80"}, "base_url", "is no public address"),
        ({"base_url": "http://localhost:80"}, "base_url", "is no public address"),
        ({"base_url": "http://169.254.169.254/latest", "allowed_networks": ["10.0.0.0/8"]}, "base_url",
         "is no public address"),
        ({"allowed_networks": ["10.0.0.1/8"]}, "allowed_networks", "10.0.0.1/8 has host bits set"),
        ({"tools": {}}, "tools", "must not be empty"),
        ({"headers": {"Host": "x"}}, "headers.Host", "is a header that belongs to the connection"),
        ({"headers": {"Idempotency-Key": "x"}}, "headers.Idempotency-Key", "is the header of the idempotency key"),
        ({"idempotency_header": "a b"}, "idempotency_header", "must match `[A-Za-z0-9!#$%&'*+.^_`|~-]+`"),
        ({"query": {"a&b": "x"}}, "query.a&b", "is no name for a query"),
        ({"timeout": 0}, "timeout", "must be greater than 0 seconds"),
    ],
)  # fmt: skip
def test_what_is_wrong_about_the_toolset_is_told_where_it_stands(
    keys: dict[str, Any], path: str, message: str
) -> None:
    assert problems({**BASE, "tools": {"a": tool()}, **keys}) == [(path, message)]


def test_a_problem_in_a_file_has_the_line_of_its_key(tmp_path: Path) -> None:
    """A key that a problem leads to but that nobody wrote is told at what is around it."""
    config = tmp_path / "config.yaml"
    config.write_text(
        "tools:\n  shop:\n    type: http\n    base_url: https://shop.example.com\n    tools:\n      a:\n"
        "        description: Find.\n        path: /o/{x}\n        effect: lookup\n"
    )
    found = [(item.line, item.path, item.code) for item in check_config(config, env={})]
    assert found == [
        (8, "tools.shop.tools.a.path", "H104"),
        (9, "tools.shop.tools.a.effect", "H104"),
    ]


@given(texts())
def test_no_problem_shows_a_secret(value: str) -> None:
    secret = f"hunter{value}2222\n"
    keys: dict[str, Any] = {"headers": {"Host": Secret(secret), "X": Secret(secret)}}
    with pytest.raises(SettingsRefusedError) as caught:
        HttpToolSettings(description="Find.", path="/", **keys)
    assert len(caught.value.problems) == 3
    assert "hunter" not in str(caught.value)


def test_the_text_of_a_refusal_names_every_key() -> None:
    error = SettingsRefusedError(
        [SettingsProblem(("a", "b"), "is odd"), SettingsProblem((), "does not hold together")]
    )
    assert str(error) == "`a.b` is odd; does not hold together"


# ------------------------------------------------------------------------------- in a runtime


async def test_a_name_that_leads_to_a_private_address_is_refused_when_it_is_asked() -> None:
    """Fails closed: the model is told, nothing is sent, and the address stays with the operator."""

    async def inside(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1", "10.1.2.3"]

    async with Service.running() as service:
        url = f"http://shop.example.com:{service.port}"
        async with opened(
            service, resolve=inside, base_url=url, allowed_networks=(), path="/"
        ) as shut:
            with pytest.raises(ToolError) as caught:
                await call(shut)
        assert service.connections == 0
        async with opened(service, resolve=inside, base_url=url, path="/") as allowed:
            assert said(await call(allowed)) == "[200 OK; no content]"
    assert caught.value.message == (
        "`ask` was not called: shop.example.com has no public address, and is not connected to"
    )
    assert caught.value.hint == "name its network in `allowed_networks` if it is meant"


async def test_a_runtime_does_not_start_with_an_address_that_is_refused() -> None:
    config = {
        "tools": {
            "shop": {"type": "http", "base_url": "http://10.0.0.1", "tools": {"a": tool()}},
        }
    }
    with pytest.raises(ConfigError, match="is no public address"):
        async with Runtime.open(config, env={}):
            pass


def test_settings_of_both_kinds_are_made_in_python_too() -> None:
    made = HttpToolsSettings(
        base_url="https://shop.example.com/",
        tools={"a": HttpToolSettings(description="Find.", path="/")},
    )
    assert made.idempotency_header == "Idempotency-Key"
